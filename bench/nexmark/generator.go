package nexmark

import (
	"fmt"
	"iter"
	"time"
)

// Config says which events there are and in which order they come. The zero value of
// each field but Events means its default.
type Config struct {
	Events     int // of all generators together
	Generators int // that share the ids and the time line; default 1
	Rate       int // events a second of event time, all generators together; default 10,000

	// Group is how many events that follow each other in time come in another order
	// than that; default 1, in order. It has to divide the events of each generator,
	// so that there are the same events in any order.
	Group int
}

// Start is the time of the first event.
var Start = time.UnixMilli(1436918400000).UTC() // 15 July 2015

// The proportions of 50 events: the first is a person, three are auctions, the rest bids.
const (
	cycle           = 50
	cycleAuctions   = 3
	firstAuctionOf  = 1
	firstBidOf      = firstAuctionOf + cycleAuctions
	stride          = 953 // between events that come one after the other out of order
	auctionsInPlace = 100 // that are bid on at a time
)

// Check reports settings that make no events.
func (c Config) Check() error {
	c = c.defaults()
	switch {
	case c.Events < 0 || c.Generators < 1 || c.Rate < 1 || c.Group < 1:
		return fmt.Errorf("nexmark: %d events of %d generators at %d a second in groups of %d: want 1 or more of each", c.Events, c.Generators, c.Rate, c.Group)
	case c.Group%stride == 0:
		return fmt.Errorf("nexmark: a group of %d would repeat events: want no multiple of %d", c.Group, stride)
	}
	for i := range c.Generators {
		if n := c.generator(i).n; n%c.Group != 0 {
			return fmt.Errorf("nexmark: generator %d has %d events, which groups of %d do not divide", i, n, c.Group)
		}
	}
	return nil
}

func (c Config) defaults() Config {
	for _, field := range []struct {
		v    *int
		unit int
	}{{&c.Generators, 1}, {&c.Rate, 10_000}, {&c.Group, 1}} {
		if *field.v == 0 {
			*field.v = field.unit
		}
	}
	return c
}

// All makes the events, one of each generator in turn. It can be gone through any
// number of times; of a Config that is not checked it is what comes of it.
func (c Config) All() iter.Seq[Event] {
	c = c.defaults()
	return func(yield func(Event) bool) {
		var all []*generator
		for i := range c.Generators {
			all = append(all, c.generator(i))
		}
		for n := 0; ; n++ {
			some := false
			for _, g := range all {
				if n >= g.n {
					continue
				}
				some = true
				if !yield(g.event(n)) {
					return
				}
			}
			if !some {
				return
			}
		}
	}
}

// generator makes part of the events: n of them, whose ids begin at first.
type generator struct {
	first int64
	n     int
	group int
	delay int64 // µs from one event to the next
}

// generator is generator i. The last has what is left by dividing.
func (c Config) generator(i int) *generator {
	n := c.Events / c.Generators
	g := &generator{first: int64(i) * int64(n), n: n, group: c.Group}
	if i == c.Generators-1 {
		g.n = c.Events - i*n
	}
	g.delay = int64((1_000_000+c.Rate/2)/c.Rate) * int64(c.Generators)
	return g
}

// millis is the time of event n by number, in ms since 1970 UTC.
func (g *generator) millis(n int64) int64 { return Start.UnixMilli() + n*g.delay/1000 }

// event is the event that comes as number n, counted from 0: another one of its
// group where that is more than one.
func (g *generator) event(n int) Event {
	size := int64(g.group)
	at := int64(n)/size*size + int64(n)*stride%size
	d := draw{random: newRandom(g.first + at), generator: g, id: g.first + at, at: at, millis: g.millis(at)}
	e := Event{Time: time.UnixMilli(d.millis).UTC()}
	switch in := d.id % cycle; {
	case in < firstAuctionOf:
		e.Person = d.person()
	case in < firstBidOf:
		e.Auction = d.auction()
	default:
		e.Bid = d.bid()
	}
	return e
}
