package segment

import (
	"slices"

	"github.com/annalsdb/annals/index"
)

// compare is those of the rows in a block of which a comparison is true, or, if
// not want, false. It looks at values where they stand in their pages. Of a
// dictionary each word is tested once.
func (t *tester) compare(p index.Predicate, want bool, b int, rows []uint16) ([]uint16, error) {
	if r, ok := p.(index.Range); ok {
		if kept, done, err := t.ranged(r, want, b, rows); done || err != nil {
			return kept, err
		}
	}
	if kept, done, err := t.worded(p, want, b, rows); done || err != nil {
		return kept, err
	}
	return compareEach(p, want, rows, func(c *comparison, column string, nulls bool) error { return t.open(c, column, b, nulls) })
}

// compareEach is those of the rows of which a comparison is true, or, if not want,
// false. open finds the values of the column; with nulls it matters whether a row has
// a null or no value.
func compareEach(p index.Predicate, want bool, rows []uint16, open func(c *comparison, column string, nulls bool) error) ([]uint16, error) {
	var value index.Literal
	var column string
	has := false
	ask := func(name string) (index.Literal, bool) {
		column = name
		return value, has
	}
	goal, absent := index.False, p.Test(ask) // which tells the column
	if want {
		goal = index.True
	}
	has = true
	null := p.Test(ask)
	c := comparison{test: func(v index.Literal) index.Truth {
		value = v
		return p.Test(ask)
	}}
	if err := open(&c, column, null != absent); err != nil {
		return nil, err
	}
	kept := make([]uint16, 0, len(rows))
	for _, i := range rows {
		truth, is, err := c.of(int(i))
		if err != nil {
			return nil, err
		}
		if !is {
			truth = absent
			if c.nulls != nil && c.nulls(int(i)) {
				truth = null
			}
		}
		if truth == goal {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// comparison is one comparison on the rows of one block.
type comparison struct {
	test    func(index.Literal) index.Truth
	derived func(i int) (index.Literal, error) // the value of a column that has no pages of its own
	pages   []valuePage                        // those of a field, one for each kind of its values
	loaded  []loadedValues                     // likewise, of rows in memory; nulls are among them
	nulls   func(i int) bool                   // whether a row without a value has a null; nil: that makes no difference
}

// valuePage is values of one kind of a column.
type valuePage struct {
	*page
	kind  ValueKind
	truth []index.Truth // of the words of a dictionary
	known []bool
}

// of is what the comparison is of row i, and whether the row has a value.
func (c *comparison) of(i int) (index.Truth, bool, error) {
	if c.derived != nil {
		v, err := c.derived(i)
		if err != nil {
			return 0, false, err
		}
		return c.test(v), true, nil
	}
	for k := range c.pages {
		if j, ok := c.pages[k].find(i); ok {
			return c.pages[k].test(j, i, c.test), true, nil
		}
	}
	for k := range c.loaded {
		if j, ok := c.loaded[k].Find(i); ok {
			return c.loaded[k].test(j, c.test), true, nil
		}
	}
	return 0, false, nil
}

// test is what the comparison is of value j, that of row i.
func (p *valuePage) test(j, i int, test func(index.Literal) index.Truth) index.Truth {
	if p.known == nil {
		v := Value{kind: p.kind}
		p.value(i, &v)
		return test(v.Literal())
	}
	word := int(p.texts.ints.at(j))
	if uint(word) >= uint(len(p.known)) { // of a forged page
		return test(Value{kind: p.kind}.Literal())
	}
	if !p.known[word] {
		p.truth[word] = test(Value{kind: p.kind, text: p.texts.word(word)}.Literal())
		p.known[word] = true
	}
	return p.truth[word]
}

// open finds where the values of a column stand in a block. With nulls it matters
// whether a row has a null or no value.
func (t *tester) open(c *comparison, column string, b int, nulls bool) (err error) {
	if c.derived, err = t.derive(column, b); c.derived != nil || err != nil {
		return err
	}
	for kind := BoolValue; kind < invalidValue; kind++ {
		col := t.d.column(column, index.Kind(kind))
		if col < 0 {
			continue
		}
		p, err := t.s.may(t.d, b, col)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		v := valuePage{page: p, kind: kind}
		if p.kind == textPages && p.texts.encoding == textDictionary {
			v.truth, v.known = make([]index.Truth, p.texts.ends.len()), make([]bool, p.texts.ends.len())
		}
		c.pages = append(c.pages, v)
	}
	if col := t.d.column(column, index.Null); nulls && col >= 0 {
		c.nulls, err = t.nulls(col, b)
	}
	return err
}

// nulls tells of the rows of a block whether they have a null field.
func (t *tester) nulls(col, b int) (func(i int) bool, error) {
	p, err := t.s.must(t.d, rowTable, b, colShape)
	if err != nil {
		return nil, err
	}
	return func(i int) bool {
		shape := p.ints.at(i)
		return uint64(shape) < uint64(len(t.d.shapes)) && slices.Contains(t.d.shapes[shape], col)
	}, nil
}

// derive tells the values of a column that are not just those of a page, nil if
// it is another one.
func (t *tester) derive(column string, b int) (func(i int) (index.Literal, error), error) {
	first := uint64(b) * blockRows
	switch column {
	case ColumnStream:
		return func(i int) (index.Literal, error) {
			err := t.keys.reach(first + uint64(i))
			return index.StringOf(t.s.streamName(t.keys.now.Stream)), err
		}, nil
	case ColumnKey:
		return func(i int) (index.Literal, error) {
			err := t.keys.reach(first + uint64(i))
			return index.StringOf(t.keys.now.Name), err
		}, nil
	case ColumnVersion:
		p, err := t.s.must(t.d, rowTable, b, colVersion)
		return func(i int) (index.Literal, error) {
			err := t.keys.reach(first + uint64(i))
			return index.Int64Of(p.ints.at(i) + int64(t.keys.now.Base+first+uint64(i)-t.keys.now.Row)), err
		}, err
	case ColumnKind:
		p, err := t.s.must(t.d, rowTable, b, colFlags)
		return func(i int) (index.Literal, error) { return index.Int64Of(int64(shown(p.ints.at(i)))), nil }, err
	case ColumnRecorded:
		p, err := t.s.must(t.d, rowTable, b, colSeq)
		r := recorder{s: t.s, d: t.d}
		return func(i int) (index.Literal, error) {
			ns, err := r.of(uint64(p.ints.at(i)))
			return index.TimeOf(ns), err
		}, err
	case ColumnTime:
		l := timeline{s: t.s, d: t.d, col: colTime, block: -1}
		return func(i int) (index.Literal, error) {
			ns, err := l.at(first + uint64(i))
			return index.TimeOf(ns), err
		}, nil
	}
	return nil, nil
}

// streamName is the name of the stream with a number, "" if there is none.
func (s *Sealed) streamName(number uint32) string {
	if i := s.stream(number); i >= 0 {
		return s.info.Streams[i].Def.Name
	}
	return ""
}
