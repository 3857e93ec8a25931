package store

import (
	"runtime"
	"sync"
)

// # How a scan uses all processors
//
// The keys of a range are gone through in legs. Finding the keys of a leg begins
// where those of the leg before end, so only one goroutine at a time does that; but
// while it does, others make the states of the legs before, which costs more. Each
// worker does both for its leg, and the caller takes the legs in the order in which
// their keys were found.
//
// A leg is memory that is used again: a worker begins one when it gets the memory of
// a leg that the caller is done with. So a caller who is slow, or stops, holds up the
// workers before they pin files, and what is read ahead is a few legs at most. Files
// are pinned for one leg, and bbolt is read in one transaction each; nothing is held
// while the caller has its turn.
//
// Parts of the range for each worker would need no turns, but keys by which to part
// it evenly, and the first states of a part would wait for all of the one before.

// The first leg is short, for a caller who wants no more, and made by the caller.
const (
	scanKeys    = 128
	scanKeysLeg = 512
)

// scan is a scan that is going on.
type scan struct {
	v *View
	s *stream
	r Range

	turn  sync.Mutex // to find keys: of walk and over
	walk  keysWalk
	over  bool
	order chan *leg // in key order; closed behind the last one

	free    chan *leg // to be used again
	workers sync.WaitGroup
}

// leg is the states of some keys that follow each other.
type leg struct {
	keyList
	states []State
	err    error
	done   chan struct{} // the states are there
}

func newScan(v *View, s *stream, r Range) *scan {
	return &scan{v: v, s: s, r: r, walk: keysWalk{db: v.db, s: s, n: scanKeys, of: v, reverse: r.Reverse, from: r.start()}}
}

// first is the first leg.
func (c *scan) first() *leg {
	l := &leg{}
	c.run(l)
	return l
}

// next is the leg after the one that the caller is done with, nil at the end.
func (c *scan) next(l *leg) *leg {
	if c.free == nil {
		if c.over {
			return nil
		}
		c.start()
	} else {
		c.free <- l
	}
	l = <-c.order
	if l != nil {
		<-l.done
	}
	return l
}

// start has workers make the legs behind the first one. There are two for each, one
// in work and one for the caller.
func (c *scan) start() {
	workers := runtime.GOMAXPROCS(0)
	c.walk.n = scanKeysLeg
	c.free, c.order = make(chan *leg, 2*workers), make(chan *leg, 2*workers)
	for range 2 * workers {
		c.free <- &leg{done: make(chan struct{}, 1)}
	}
	for range workers {
		c.workers.Go(c.work)
	}
}

// stop ends the workers and waits until they let go of their files.
func (c *scan) stop() {
	if c.free == nil {
		return
	}
	c.turn.Lock()
	c.over = true
	c.turn.Unlock()
	close(c.free)
	c.workers.Wait()
}

func (c *scan) work() {
	for l := range c.free {
		if !c.run(l) {
			return
		}
		l.done <- struct{}{}
	}
}

// run makes the next leg and reports whether there is one.
func (c *scan) run(l *leg) bool {
	l.states, l.err = l.states[:0], nil
	f, ok := c.begin(l)
	if f != nil {
		defer f.unpin()
	}
	if ok && l.err == nil {
		l.states, l.err = c.v.states(f, c.s, l.keys, nil, l.states)
	}
	return ok
}

// begin finds the keys of the next leg in the files f, which it pins, and reports
// whether there is one.
func (c *scan) begin(l *leg) (f *files, ok bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.over {
		return nil, false
	}
	more, over := false, false
	if f, l.err = c.v.db.pin(); l.err == nil {
		if more, l.err = c.walk.next(f, &l.keyList); l.err == nil {
			l.keys, over = c.r.of(l.keys)
		}
	}
	c.over = !more || over
	if c.order != nil {
		c.order <- l
		if c.over {
			close(c.order)
		}
	}
	return f, true
}
