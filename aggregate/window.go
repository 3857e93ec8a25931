package aggregate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// Span is the stretch of time [Start, End), ns since 1970 UTC. At the ends of
// what an int64 holds it is cut off there: a window that would begin earlier or
// end later begins at math.MinInt64 or ends at math.MaxInt64.
type Span struct{ Start, End int64 }

// Has reports whether t is in s. The last nanosecond there is, math.MaxInt64, is
// in the window that is cut off there.
func (s Span) Has(t int64) bool {
	return s.Start <= t && (t < s.End || t == math.MaxInt64 && s.End == t)
}

// Compare orders by start, then by end.
func (s Span) Compare(o Span) int {
	return cmp.Or(cmp.Compare(s.Start, o.Start), cmp.Compare(s.End, o.End))
}

// String is s for a person to read.
func (s Span) String() string {
	at := func(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }
	return "[" + at(s.Start) + ", " + at(s.End) + ")"
}

// Window says which windows an event belongs to. It is a plain value: immutable,
// safe for concurrent use, the same as another when String is.
//
// Of [Tumbling], [Hopping], [Calendar] and [Global] that depends on the event's
// time alone; [Session], [Sliding] and [Counted] depend on other events too.
type Window interface {
	// String is the window as a query writes it.
	String() string
	// Check reports settings that make no window, as [ErrWindow].
	Check() error
}

// Fixed is a Window that depends on the event's time alone.
type Fixed interface {
	Window
	// Assign appends the windows that hold t, the last one first.
	Assign(dst []Span, t int64) []Span
}

// Aligned is a Fixed window with one window for each time: they lie side by side.
type Aligned interface {
	Fixed
	// At is the window that holds t.
	At(t int64) Span
	// Starter makes a function that fills in dst[i], the start of the window that
	// holds times[i]; it is for one goroutine at a time, remembers windows from
	// one call to the next, and dst may be times itself.
	Starter() func(dst, times []int64)
}

// ErrWindow: the settings of a window make none.
var ErrWindow = errors.New("window is invalid")

// add is a + b, at most or at least what an int64 holds.
func add(a, b int64) int64 {
	s := a + b
	if (a^s)&(b^s) < 0 {
		if a < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return s
}

// floorDiv is a / b rounded towards −∞, b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// floorMod is a − b × floorDiv(a, b), b > 0.
func floorMod(a, b int64) int64 {
	if m := a % b; m < 0 {
		return m + b
	} else {
		return m
	}
}

// phase is how far t is into the step of a grid of that size through offset,
// without overflow: 0 ≤ phase < size.
func phase(t, offset, size int64) int64 {
	p := floorMod(t, size) - floorMod(offset, size)
	if p < 0 {
		p += size
	}
	return p
}

// Tumbling windows of one size lie side by side, one beginning at Offset.
type Tumbling struct{ Size, Offset time.Duration }

// String implements [Window].
func (w Tumbling) String() string { return fmt.Sprintf("tumbling(%s, %s)", w.Size, w.Offset) }

// Check implements [Window]: Size must be positive, Offset smaller than it.
func (w Tumbling) Check() error {
	return checkGrid(w, w.Size, w.Offset)
}

func checkGrid(w Window, step, offset time.Duration) error {
	switch {
	case step <= 0:
		return fmt.Errorf("%s: %w: a step of %s is not positive", w, ErrWindow, step)
	case offset >= step || offset <= -step:
		return fmt.Errorf("%s: %w: an offset of %s is not smaller than %s", w, ErrWindow, offset, step)
	}
	return nil
}

// At implements [Aligned].
func (w Tumbling) At(t int64) Span {
	p := phase(t, int64(w.Offset), int64(w.Size))
	return Span{add(t, -p), add(t, int64(w.Size)-p)}
}

// Assign implements [Fixed].
func (w Tumbling) Assign(dst []Span, t int64) []Span { return append(dst, w.At(t)) }

// Starter implements [Aligned].
func (w Tumbling) Starter() func(dst, times []int64) {
	var last Span // as long as times stay in one window no division is needed
	return func(dst, times []int64) {
		dst = dst[:len(times)]
		for i, t := range times {
			if t < last.Start || t >= last.End {
				last = w.At(t)
			}
			dst[i] = last.Start
		}
	}
}

// Hopping windows of one size begin every Slide, one of them at Offset: an event
// is in several where Slide is smaller than Size, in none in the gaps where it is
// greater.
type Hopping struct{ Size, Slide, Offset time.Duration }

// String implements [Window].
func (w Hopping) String() string {
	return fmt.Sprintf("hopping(%s, %s, %s)", w.Size, w.Slide, w.Offset)
}

// Check implements [Window]: Size and Slide must be positive, Offset smaller than
// Slide.
func (w Hopping) Check() error {
	if w.Size <= 0 {
		return fmt.Errorf("%s: %w: a size of %s is not positive", w, ErrWindow, w.Size)
	}
	return checkGrid(w, w.Slide, w.Offset)
}

// Assign implements [Fixed]. At the beginning of time windows that begin before
// it are cut off and told apart by their ends alone; the one that ends beyond the
// end of time is the last.
func (w Hopping) Assign(dst []Span, t int64) []Span {
	p := phase(t, int64(w.Offset), int64(w.Slide))
	for back := p; back >= 0 && back < int64(w.Size); back = add(back, int64(w.Slide)) {
		dst = append(dst, Span{add(t, -back), add(t, int64(w.Size)-back)})
	}
	return dst
}

// AssignAll appends the windows of all times: window spans[i] holds the time of
// row rows[i].
func (w Hopping) AssignAll(times []int64, rows []uint32, spans []Span) ([]uint32, []Span) {
	for i, t := range times {
		spans = w.Assign(spans, t)
		for len(rows) < len(spans) {
			rows = append(rows, uint32(i))
		}
	}
	return rows, spans
}

// Global is one window over all time.
type Global struct{}

// String implements [Window].
func (Global) String() string { return "global" }

// Check implements [Window].
func (Global) Check() error { return nil }

// At implements [Aligned].
func (Global) At(int64) Span { return Span{math.MinInt64, math.MaxInt64} }

// Assign implements [Fixed].
func (w Global) Assign(dst []Span, t int64) []Span { return append(dst, w.At(t)) }

// Starter implements [Aligned].
func (Global) Starter() func(dst, times []int64) {
	return func(dst, times []int64) {
		for i := range times {
			dst[i] = math.MinInt64
		}
	}
}

// Sliding windows end with an event each, and hold what is not older than Size
// before it: (t − Size, t], as a [Span] from t − Size + 1 to t + 1.
type Sliding struct{ Size time.Duration }

// String implements [Window].
func (w Sliding) String() string { return fmt.Sprintf("sliding(%s)", w.Size) }

// Check implements [Window]: Size must be positive.
func (w Sliding) Check() error {
	if w.Size <= 0 {
		return fmt.Errorf("%s: %w: a size of %s is not positive", w, ErrWindow, w.Size)
	}
	return nil
}

// At is the window of the event at t.
func (w Sliding) At(t int64) Span {
	return Span{add(t, 1-int64(w.Size)), add(t, 1)}
}

// Counted windows hold N events each, in the order of (Time, Seq): event i of its
// group, from 0, is in window i / N. A late event moves all behind it on.
type Counted struct{ N int64 }

// String implements [Window].
func (w Counted) String() string { return fmt.Sprintf("count(%d)", w.N) }

// Check implements [Window]: N must be positive.
func (w Counted) Check() error {
	if w.N <= 0 {
		return fmt.Errorf("%s: %w: %d events are none", w, ErrWindow, w.N)
	}
	return nil
}

// At is the number of the window of event i.
func (w Counted) At(i int64) int64 { return floorDiv(i, w.N) }
