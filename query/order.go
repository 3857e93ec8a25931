package query

import (
	"cmp"
	"slices"
)

// answerRow is a row of the answer, with the values that ORDER BY goes by.
type answerRow struct {
	values, keys []Value
	seq          int64 // which came first
}

// sorter keeps the rows of an answer that come first in its order: all of them, or
// as many as LIMIT and OFFSET can show. Then it is a heap with the last one on top,
// and most rows are refused by a look at their keys.
type sorter struct {
	x    *executor
	most int // -1: all
	rows []answerRow
	made int64
}

func (x *executor) newSorter() *sorter {
	s := &sorter{x: x, most: -1}
	if x.limit >= 0 && x.limit < 1<<31 && x.offset < 1<<31 {
		s.most = int(x.limit + x.offset)
	}
	return s
}

// compareKeys is how ORDER BY puts rows with these keys.
func (p *plan) compareKeys(a, b []Value) int {
	for i := range p.order {
		k := &p.order[i]
		x, y := a[i], b[i]
		if isNull(x) || isNull(y) {
			if c := boolCompare(isNull(x), isNull(y)); c != 0 {
				if k.nullsFirst {
					return -c
				}
				return c
			}
			continue
		}
		if c := collate(x, y); c != 0 {
			if k.descending {
				return -c
			}
			return c
		}
	}
	return 0
}

func (s *sorter) compare(a, b *answerRow) int {
	return cmp.Or(s.x.compareKeys(a.keys, b.keys), cmp.Compare(a.seq, b.seq))
}

// wants reports whether a row with these keys is among the first so far.
func (s *sorter) wants(keys []Value) bool {
	return s.most < 0 || len(s.rows) < s.most || s.most > 0 && s.x.compareKeys(keys, s.rows[0].keys) < 0
}

// add takes in a row that is wanted, and keeps both.
func (s *sorter) add(values, keys []Value) error {
	r := answerRow{values, keys, s.made}
	s.made++
	if s.most < 0 {
		s.rows = append(s.rows, r)
		return s.x.hold(rowBytes(values) + rowBytes(keys))
	}
	if len(s.rows) < s.most {
		s.rows = append(s.rows, r)
		s.up(len(s.rows) - 1)
		return s.x.hold(rowBytes(values) + rowBytes(keys))
	}
	s.rows[0] = r
	s.down(0)
	return nil
}

// rowBytes is how much memory values take, about.
func rowBytes(values []Value) int64 {
	n := int64(48)
	for i := range values {
		n += 32 + int64(len(values[i].Text()))
	}
	return n
}

func (s *sorter) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.compare(&s.rows[i], &s.rows[parent]) <= 0 {
			return
		}
		s.rows[i], s.rows[parent] = s.rows[parent], s.rows[i]
		i = parent
	}
}

func (s *sorter) down(i int) {
	for {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.rows); child++ {
			if s.compare(&s.rows[child], &s.rows[last]) > 0 {
				last = child
			}
		}
		if last == i {
			return
		}
		s.rows[i], s.rows[last] = s.rows[last], s.rows[i]
		i = last
	}
}

// sorted is the rows in order.
func (s *sorter) sorted() []answerRow {
	slices.SortFunc(s.rows, func(a, b answerRow) int { return s.compare(&a, &b) })
	return s.rows
}

// output makes rows of the answer of rows that are read, or of groups, one by one.
type output struct {
	x    *executor
	emit func(*Batch) error
	b    *Batch
	skip int64 // of OFFSET
	left int64 // of LIMIT, -1 for no end

	sort *sorter        // nil: rows go on as they come
	seen map[string]int // of DISTINCT, by key: place in rows
	rows []answerRow    // of DISTINCT
	key  []byte
}

// newOutput makes an output that puts rows in order if inOrder.
func (x *executor) newOutput(emit func(*Batch) error) *output {
	o := &output{x: x, emit: emit, skip: x.offset, left: x.limit}
	if len(x.order) > 0 {
		o.sort = x.newSorter()
	}
	if x.distinct {
		o.seen = map[string]int{}
	}
	return o
}

// add takes in a row that outputs and order are computed of.
func (o *output) add(row []Value) error {
	var keys []Value
	for i := range o.x.order {
		v, err := o.x.order[i].by.eval(row)
		if err != nil {
			return err
		}
		keys = append(keys, v)
	}
	if o.seen == nil && o.sort != nil && !o.sort.wants(keys) {
		return nil
	}
	values := make([]Value, len(o.x.outputs))
	for i, n := range o.x.outputs {
		var err error
		if values[i], err = n.eval(row); err != nil {
			return err
		}
	}
	switch {
	case o.seen != nil:
		return o.addDistinct(values, keys)
	case o.sort != nil:
		return o.sort.add(values, keys)
	}
	return o.put(values)
}

// addDistinct keeps one of rows that are the same.
func (o *output) addDistinct(values, keys []Value) error {
	o.key = o.key[:0]
	for _, v := range values {
		o.key = appendKey(o.key, v)
	}
	if i, ok := o.seen[string(o.key)]; ok {
		for c, v := range values {
			o.rows[i].values[c] = shown(o.rows[i].values[c], v)
		}
		return nil
	}
	o.seen[string(o.key)] = len(o.rows)
	o.rows = append(o.rows, answerRow{values: values, keys: keys})
	return o.x.hold(2*rowBytes(values) + rowBytes(keys))
}

// put hands a row on, unless it is one that OFFSET leaves out.
func (o *output) put(values []Value) error {
	if o.skip > 0 {
		o.skip--
		return nil
	}
	if o.left == 0 {
		return errEnough
	}
	if o.b == nil {
		o.b = newBatchOf(len(values))
	}
	for i, v := range values {
		o.b.Columns[i].append(v)
	}
	o.b.Rows++
	if o.left > 0 {
		o.left--
	}
	if o.b.Rows >= batchRows {
		return o.flush()
	}
	return nil
}

func (o *output) flush() error {
	b := o.b
	if o.b = nil; b == nil {
		return nil
	}
	return o.emit(b)
}

// end hands on what is kept.
func (o *output) end() error {
	for i := range o.rows {
		r := &o.rows[i]
		if o.sort == nil {
			if err := o.put(r.values); err != nil {
				return o.enough(err)
			}
		} else if o.sort.wants(r.keys) {
			if err := o.sort.add(r.values, r.keys); err != nil {
				return err
			}
		}
	}
	if o.sort != nil {
		for _, r := range o.sort.sorted() {
			if err := o.put(r.values); err != nil {
				return o.enough(err)
			}
		}
	}
	return o.flush()
}

// enough is err, or nil after the last rows if it only says that they were.
func (o *output) enough(err error) error {
	if err == errEnough {
		return o.flush()
	}
	return err
}
