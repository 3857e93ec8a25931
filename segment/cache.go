package segment

import (
	"sync"
	"sync/atomic"
)

// Cache holds the pages of any number of sealed files within a limit. It is safe
// for concurrent use.
//
// A page that is there is found without it: each file has an array of pointers,
// one a page, and a hit is one atomic load. Pages in memory stand in a ring; when
// the limit is passed a hand goes round and lets go of those that were not used
// since it came by last (the CLOCK algorithm). A reader marks a page as used only
// when it is not, so the memory of a page that is used all the time is not
// written to. Page memory is ordinary and never written to again: whoever still
// reads a page that was let go keeps it, and the collector takes it afterwards.
//
// An exact order of use would cost every hit a lock and a write; a map from page
// to memory would cost it a hash. Mapped files would leave the limit to the
// operating system, check no checksum, and turn a failing disk into a fault.
type Cache struct {
	limit     atomic.Int64
	bytes     atomic.Int64
	loads     atomic.Uint64
	evictions atomic.Uint64

	mu   sync.Mutex
	ring []*page
	hand int
}

// CacheStats says what a cache holds and did.
type CacheStats struct {
	Limit, Bytes     int64
	Pages            int
	Loads, Evictions uint64 // pages read from files; pages let go
}

// NewCache is a cache of at most limit bytes, plus what each open file keeps as
// long as it is open: a directory of some twenty bytes a page. The page loaded
// last is kept, however large.
func NewCache(limit int64) *Cache {
	c := &Cache{}
	c.limit.Store(limit)
	return c
}

// SetLimit makes limit the one that pages are held to, and lets go of others.
func (c *Cache) SetLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit.Store(limit)
	c.shrink(nil)
}

// Bytes is how much memory the pages and the directories take.
func (c *Cache) Bytes() int64 { return c.bytes.Load() }

// Stats is what the cache holds and did so far.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	pages := len(c.ring)
	c.mu.Unlock()
	return CacheStats{
		Limit: c.limit.Load(), Bytes: c.bytes.Load(), Pages: pages,
		Loads: c.loads.Load(), Evictions: c.evictions.Load(),
	}
}

// pin counts bytes that stay until they are given back as a negative number.
func (c *Cache) pin(bytes int64) { c.bytes.Add(bytes) }

// add takes a page that was just stored in its slot, and lets go of others.
func (c *Cache) add(p *page) {
	c.loads.Add(1)
	c.bytes.Add(p.size)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring = append(c.ring, p)
	c.shrink(p)
}

// shrink lets go of pages, but for keep, until the limit is kept to. Two rounds
// clear every mark and come by again.
func (c *Cache) shrink(keep *page) {
	for steps := 2 * len(c.ring); steps > 0 && c.bytes.Load() > c.limit.Load() && len(c.ring) > 1; steps-- {
		c.step(keep)
	}
}

// step looks at one page and lets it go unless it was used. keep stays.
func (c *Cache) step(keep *page) {
	if c.hand >= len(c.ring) {
		c.hand = 0
	}
	p := c.ring[c.hand]
	if p == keep || p.used.Load() != 0 {
		p.used.Store(0)
		c.hand++
		return
	}
	if p.slot.CompareAndSwap(p, nil) {
		c.evictions.Add(1)
	}
	c.remove(c.hand)
}

func (c *Cache) remove(i int) {
	last := len(c.ring) - 1
	c.bytes.Add(-c.ring[i].size)
	c.ring[i] = c.ring[last]
	c.ring[last] = nil
	c.ring = c.ring[:last]
}

// drop lets go of the pages of a file that is closed. Nothing of it is added
// any more.
func (c *Cache) drop(pages []atomic.Pointer[page]) {
	for i := range pages {
		pages[i].Store(nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.ring) - 1; i >= 0; i-- {
		if p := c.ring[i]; p.slot.Load() != p {
			c.remove(i)
		}
	}
}
