package aggregate

import (
	"math"
	"time"
)

// Watermark says up to where a stream of events is complete: [Watermark.Complete]
// is a time such that all events to come are expected at it or later. It only
// decides who is told what when: an event behind it counts like any other.
//
// Each source has a mark of its own: the greatest time it has sent, but no later
// than the clock of ingest and Skew, so that a source whose clock is ahead does not
// make the others late, less Bound. The whole is complete up to the lowest mark of
// those sources that were heard of within Idle; if none was, up to the highest of
// all. Marks never go back.
//
// It is a plain value but for the sources in it; one goroutine may use it at a
// time. It reads no clock: now is whatever the log says, so that a run repeated
// gives the same.
type Watermark struct {
	Bound    time.Duration // how late events of a source may be and still be expected
	Skew     time.Duration // how far a source's clock may be ahead
	Idle     time.Duration // a source silent for so long is not waited for; 0: for ever
	MaxDelay time.Duration // complete up to now − MaxDelay at least; 0: no such promise

	// Bounds are the Bound of sources that have one of their own.
	Bounds map[string]time.Duration

	sources  map[string]source
	complete int64
	begun    bool

	now, before int64 // the newest moment, and up to where all was complete before it
}

// source is what is known of one.
type source struct {
	most  int64 // its greatest time
	mark  int64
	heard int64 // when it last sent anything
}

// Observe takes in that a source sent an event of time t, at now by the clock of
// ingest.
func (w *Watermark) Observe(name string, t, now int64) {
	w.observe(name, t, now)
	w.Tick(now)
}

// observe is Observe before the clock ticks.
func (w *Watermark) observe(name string, t, now int64) {
	s, known := w.sources[name]
	if !known {
		if w.sources == nil {
			w.sources = map[string]source{}
		}
		s = source{most: t, mark: math.MinInt64, heard: now}
	}
	s.most, s.heard = max(s.most, t), max(s.heard, now)
	bound, own := w.Bounds[name]
	if !own {
		bound = w.Bound
	}
	s.mark = max(s.mark, add(min(s.most, add(now, int64(w.Skew))), -int64(bound)))
	w.sources[name] = s
}

// moment begins a moment, or goes on with the newest one as if what came of it before
// had not moved the mark yet, and is up to where all was complete before it.
func (w *Watermark) moment(now int64) int64 {
	if w.begun && now == w.now {
		w.complete = w.before
	} else {
		w.now, w.before = now, w.Complete()
	}
	return w.before
}

// Tick takes in that it is now by the clock of ingest, without an event.
func (w *Watermark) Tick(now int64) {
	c := w.combined(now)
	if w.MaxDelay > 0 {
		c = max(c, add(now, -int64(w.MaxDelay)))
	}
	if !w.begun || c > w.complete {
		w.begun, w.complete = true, c
	}
}

// combined is the mark of all sources.
func (w *Watermark) combined(now int64) int64 {
	lowest, highest, active := int64(math.MaxInt64), int64(math.MinInt64), false
	for _, s := range w.sources {
		highest = max(highest, s.mark)
		if w.Idle == 0 || s.heard > add(now, -int64(w.Idle)) {
			lowest, active = min(lowest, s.mark), true
		}
	}
	if !active {
		return highest
	}
	return lowest
}

// End takes in that no event will come any more: the end of a bounded range.
func (w *Watermark) End() { w.begun, w.complete = true, math.MaxInt64 }

// Complete is the time at and after which all events to come are expected;
// math.MinInt64 as long as nothing is known.
func (w *Watermark) Complete() int64 {
	if !w.begun {
		return math.MinInt64
	}
	return w.complete
}

// IsComplete reports whether nothing is expected in s any more. For sessions, see
// [Session.Complete].
func (w *Watermark) IsComplete(s Span) bool { return s.End <= w.Complete() }

// IsLate reports whether an event that comes now was not expected in s any more.
func (w *Watermark) IsLate(s Span) bool { return w.IsComplete(s) }
