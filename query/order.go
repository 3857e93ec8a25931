package query

import (
	"cmp"
	"slices"

	"github.com/annalsdb/annals/segment"
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
	room []uint16 // of hopeful
}

func (x *executor) newSorter() *sorter {
	s := &sorter{x: x, most: -1}
	if x.limit >= 0 && x.limit < 1<<31 && x.offset < 1<<31 {
		s.most = int(x.limit + x.offset)
	}
	return s
}

// compareKeys is how an order puts rows with these keys.
func compareKeys(order []sortKey, a, b []Value) int {
	for i := range order {
		k := &order[i]
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
	return cmp.Or(compareKeys(s.x.order, a.keys, b.keys), cmp.Compare(a.seq, b.seq))
}

// wants reports whether a row with these keys is among the first so far.
func (s *sorter) wants(keys []Value) bool {
	return s.most < 0 || len(s.rows) < s.most || s.most > 0 && compareKeys(s.x.order, keys, s.rows[0].keys) < 0
}

// hopeful is those of rows that their value in the first column of the order does not
// refuse: with enough rows kept, nearly all of them by one comparison of numbers. It is
// valid until the next call.
func (s *sorter) hopeful(first *Column, rows []uint16) []uint16 {
	if s.most <= 0 || len(s.rows) < s.most || first.Nulls != nil || first.Mixed != nil {
		return rows
	}
	last, down := s.rows[0].keys[0], s.x.order[0].descending
	if last.Kind() != first.Kind {
		return rows
	}
	switch first.Kind {
	case segment.Int64Value:
		s.room = notBehind(s.room[:0], first.Ints, rows, last.Int64(), down)
	case segment.TimeValue:
		s.room = notBehind(s.room[:0], first.Ints, rows, last.Nanos(), down)
	case segment.Float64Value:
		s.room = notBehind(s.room[:0], first.Floats, rows, last.Float64(), down)
	default:
		return rows
	}
	return s.room
}

// notBehind appends those of rows whose value does not stand behind last. NaN is never
// refused.
func notBehind[T int64 | float64](dst []uint16, values []T, rows []uint16, last T, descending bool) []uint16 {
	for _, i := range rows {
		if behind := values[i] > last && !descending || values[i] < last && descending; !behind {
			dst = append(dst, i)
		}
	}
	return dst
}

// add takes in a row that is wanted, and keeps both.
func (s *sorter) add(values, keys []Value) error {
	had := len(s.rows)
	s.keep(answerRow{values: values, keys: keys})
	if len(s.rows) == had {
		return nil
	}
	return s.x.hold(rowBytes(values) + rowBytes(keys))
}

// keep keeps a row that is wanted, in place of the last one if there are enough.
func (s *sorter) keep(r answerRow) {
	r.seq = s.made
	s.made++
	switch {
	case s.most < 0:
		s.rows = append(s.rows, r)
	case len(s.rows) < s.most:
		s.rows = append(s.rows, r)
		s.up(len(s.rows) - 1)
	default:
		s.rows[0] = r
		s.down(0)
	}
}

// join takes in the rows of o.
func (s *sorter) join(o *sorter) {
	for _, r := range o.rows {
		if s.wants(r.keys) {
			s.keep(r)
		}
	}
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
