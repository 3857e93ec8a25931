package aggregate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Session windows hold events with no gap between them longer than Gap: two
// events share a session if they are Gap or less apart. A session begins with its
// first event and ends Gap after its last: an event just at its End still joins
// it, and moves the End on. So it is complete only when no event at its End can
// come any more, see [Session.Complete].
type Session struct{ Gap time.Duration }

// String implements [Window].
func (w Session) String() string { return fmt.Sprintf("session(%s)", w.Gap) }

// Check implements [Window]: Gap must be positive.
func (w Session) Check() error {
	if w.Gap <= 0 {
		return fmt.Errorf("%s: %w: a gap of %s is not positive", w, ErrWindow, w.Gap)
	}
	return nil
}

// At is the session of one event alone.
func (w Session) At(t int64) Span { return Span{t, add(t, int64(w.Gap))} }

// Complete reports whether s stays as it is when all later events have times of
// complete or more.
func (w Session) Complete(s Span, complete int64) bool {
	return s.End < complete || complete == math.MaxInt64
}

// SessionChange is what an event does to the sessions of its group: those of
// Before are withdrawn, those of After appear. Both are in order.
type SessionChange struct{ Before, After []Span }

// Sessions are the sessions of one group of events, kept as events come and go in
// any order. The zero value with Window set is empty.
type Sessions struct {
	Window Session

	times []int64 // of all events, in order
}

// Add takes in an event. It may lengthen a session, begin one, or bridge two.
func (s *Sessions) Add(t int64) SessionChange {
	i, _ := slices.BinarySearch(s.times, t)
	before := s.around(t, i, i-1)
	s.times = slices.Insert(s.times, i, t)
	return settled(before, s.around(t, i, i))
}

// Remove takes an event back. It may shorten a session, end one, or split one. It
// is false if there is no event at t.
func (s *Sessions) Remove(t int64) (SessionChange, bool) {
	i, found := slices.BinarySearch(s.times, t)
	if !found {
		return SessionChange{}, false
	}
	before := s.around(t, i, i)
	s.times = slices.Delete(s.times, i, i+1)
	return settled(before, s.around(t, i, i-1)), true
}

// settled leaves out what stays.
func settled(before, after []Span) SessionChange {
	if slices.Equal(before, after) {
		return SessionChange{}
	}
	return SessionChange{before, after}
}

// All are the sessions in order.
func (s *Sessions) All() []Span { return s.Window.Split(s.times) }

// around are the sessions of the events first to last, and of those that are
// within the gap of them or of time t.
func (s *Sessions) around(t int64, first, last int) []Span {
	lo, hi := first, last+1
	for at := t; lo > 0 && s.near(s.times[lo-1], at); lo-- {
		at = s.times[lo-1]
	}
	for at := t; hi < len(s.times) && s.near(at, s.times[hi]); hi++ {
		at = s.times[hi]
	}
	return s.Window.Split(s.times[lo:hi])
}

// near reports whether a and b, not before a, share a session.
func (s *Sessions) near(a, b int64) bool { return between(a, b) <= uint64(s.Window.Gap) }

// Split are the sessions of events at these times, which are in order.
func (w Session) Split(times []int64) (all []Span) {
	for _, t := range times {
		if n := len(all) - 1; n >= 0 && t <= all[n].End {
			all[n].End = add(t, int64(w.Gap))
			continue
		}
		all = append(all, w.At(t))
	}
	return all
}

// Merge joins sessions of one group that touch or overlap, as they come from
// partial results over different events, in any order.
func (w Session) Merge(list []Span) []Span {
	list = slices.SortedFunc(slices.Values(list), func(a, b Span) int {
		if a.Start != b.Start {
			return sign(a.Start < b.Start)
		}
		return sign(a.End < b.End)
	})
	var all []Span
	for _, s := range list {
		if n := len(all) - 1; n >= 0 && s.Start <= all[n].End {
			all[n].End = max(all[n].End, s.End)
			continue
		}
		all = append(all, s)
	}
	return all
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}
