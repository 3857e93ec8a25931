package aggregate

import (
	"math"

	"github.com/annalsdb/annals/segment"
)

// Slider is a function over the latest of [Sliding] windows, that which ends with the
// latest row, for one group of rows that come one at a time, in any order. One goroutine
// may use it at a time.
type Slider struct {
	window Sliding
	rows   *Slide[*Partial]
	joins  *partials
	latest int64
}

// Over is f over a window without rows.
func (w Sliding) Over(f Function) *Slider {
	joins := &partials{f: f}
	return &Slider{window: w, rows: NewSlide(joins), joins: joins, latest: math.MinInt64}
}

// Add takes in a row, and moves the window on if it is the latest; a row that is too
// old for the window changes nothing. Rows of one time come in the order of their Seq.
func (s *Slider) Add(r Row) error {
	p := NewPartial(s.joins.f)
	if err := p.Add(r); err != nil {
		return err
	}
	s.latest = max(s.latest, r.Time)
	s.rows.Evict(s.window.At(s.latest).Start)
	s.rows.Insert(r.Time, p)
	return s.joins.err
}

// Result is the function's value over the window; an error of joining rows stays.
func (s *Slider) Result() (segment.Value, error) {
	p := s.rows.Result()
	if p == nil {
		p = NewPartial(s.joins.f)
	}
	if s.joins.err != nil {
		return segment.Value{}, s.joins.err
	}
	if g, ok := p.Groups().(Spanned); ok {
		span := s.window.At(s.latest)
		return g.ResultIn(0, Edges{Start: span.Start, End: span.End})
	}
	return p.Result()
}

// partials joins partial results of a function, which are not changed once they are
// made; nil is that of nothing.
type partials struct {
	f   Function
	err error
}

// Join implements [Monoid].
func (m *partials) Join(a, b *Partial) *Partial {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return m.Fold([]*Partial{a, b})
}

// Fold implements [Monoid].
func (m *partials) Fold(all []*Partial) *Partial {
	if len(all) == 0 {
		return nil
	}
	if len(all) == 1 {
		return all[0]
	}
	join := NewPartial(m.f)
	for _, p := range all {
		if p == nil {
			continue
		}
		if err := join.Merge(p); err != nil && m.err == nil {
			m.err = err
		}
	}
	return join
}
