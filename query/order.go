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

// size is how much memory a row takes, about.
func (r *answerRow) size() int64 { return rowBytes(r.values) + rowBytes(r.keys) }

// sorter keeps the rows of an answer that come first in its order: all of them, or
// as many as LIMIT and OFFSET can show. Then it is a heap with the last one on top,
// and most rows are refused by a look at their keys. What takes too much memory goes to
// disk, see runs.go.
type sorter struct {
	*sorting
	rows  []answerRow
	made  int64
	room  []uint16 // of hopeful
	held  int64    // memory of rows
	share int64    // that they may take
	runs  []*sortedRun
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
	return cmp.Or(compareKeys(s.order, a.keys, b.keys), cmp.Compare(a.seq, b.seq))
}

// wants reports whether a row with these keys is among the first so far.
func (s *sorter) wants(keys []Value) bool {
	return s.most < 0 || len(s.rows) < s.most || s.most > 0 && compareKeys(s.order, keys, s.rows[0].keys) < 0
}

// hopeful is those of rows that their value in the first column of the order does not
// refuse: with enough rows kept, nearly all of them by one comparison of numbers. It is
// valid until the next call.
func (s *sorter) hopeful(first *Column, rows []uint16) []uint16 {
	if s.most <= 0 || len(s.rows) < s.most || first.Nulls != nil || first.Mixed != nil {
		return rows
	}
	last, down := s.rows[0].keys[0], s.order[0].descending
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

// add takes in a row that is wanted, and keeps both. It spills rather than let all
// that a query holds be more than there may be.
func (s *sorter) add(values, keys []Value) error {
	more := s.keep(answerRow{values: values, keys: keys})
	s.held += more
	if now := s.x.note(more); s.held <= s.share && (now <= s.x.limitBytes || s.held < sortBlock) {
		return nil
	}
	return s.spill()
}

// keep keeps a row that is wanted, in place of the last one if there are enough, and is
// how much more memory that takes.
func (s *sorter) keep(r answerRow) (more int64) {
	more = r.size()
	r.seq = s.made
	s.made++
	switch {
	case s.most < 0:
		s.rows = append(s.rows, r)
	case len(s.rows) < s.most:
		s.rows = append(s.rows, r)
		s.up(len(s.rows) - 1)
	default:
		more -= s.rows[0].size()
		s.rows[0] = r
		s.down(0)
	}
	return more
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
