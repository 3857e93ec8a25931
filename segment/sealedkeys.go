package segment

import (
	"cmp"
	"fmt"
	"slices"
)

// mayHave asks a filter for an entry.
func (s *Sealed) mayHave(d *directory, table int, entry uint32) (bool, error) {
	t := &d.tables[table]
	if t.rows == 0 {
		return false, nil
	}
	i, probes := filterPlace(entry, t.rows)
	const perPage = filterPage / filterBlock
	b := int(i / perPage)
	if b >= t.len() || t.blocks[b].row != uint64(b)*perPage || int(i%perPage) >= t.blockLen(b) {
		return false, s.corrupt(s.end.directory.offset, errDirectory.Error())
	}
	p, err := s.page(d, int(t.blocks[b].slot), t.blockLen(b))
	if err != nil {
		return false, err
	}
	return filterHas(p.data[i%perPage*filterBlock:][:filterBlock], probes), nil
}

// MayHaveBefore reports whether the file may have an event of a key whose time is
// at most t. If t is before all but the late events of the stream, a filter of the
// keys that have such events says so, which most keys have not.
func (s *Sealed) MayHaveBefore(in *SealedStream, hash uint64, t int64) (bool, error) {
	if t < in.MinTime || t >= in.Settled {
		return t >= in.MinTime, nil
	}
	d, err := s.opened()
	if err != nil {
		return false, err
	}
	return s.mayHave(d, lateFilter, uint32(hash>>32))
}

// stream is the index of a stream in the summary, -1 if it is not there.
func (s *Sealed) stream(number uint32) int {
	if i := int(number) - 1; i >= 0 && i < len(s.info.Streams) && s.info.Streams[i].Def.Number == number {
		return i
	}
	i, ok := slices.BinarySearchFunc(s.info.Streams, number, func(s SealedStream, n uint32) int {
		return cmp.Compare(s.Def.Number, n)
	})
	if !ok {
		return -1
	}
	return i
}

// Key finds a key; hash is the [Hash] of its stream and name, which the caller
// needs once for all files. The filter is asked first: a no costs some tens of
// nanoseconds. Otherwise the cost is a search in the block's first names and one
// in a page. The Keyed has the caller's name.
func (s *Sealed) Key(stream uint32, name string, hash uint64) (k Keyed, ok bool, err error) {
	d, err := s.opened()
	if err != nil {
		return k, false, err
	}
	if ok, err = s.mayHave(d, keyFilter, uint32(hash>>32)); !ok || err != nil {
		return k, false, err
	}
	at := s.stream(stream)
	if at < 0 {
		return k, false, nil
	}
	b, i, found, err := s.seekKey(d, at, name)
	if !found || err != nil {
		return k, false, err
	}
	k, err = s.keyAt(d, b, i)
	k.Name = name
	return k, err == nil, err
}

// seekKey finds the first key of a stream, by index, whose name is not less: its
// block and its place there. Behind the last key that is the end of the last
// block.
func (s *Sealed) seekKey(d *directory, stream int, name string) (b, i int, found bool, err error) {
	t := &d.tables[keysTable]
	lo, hi := d.keyBlocks[stream], d.keyBlocks[stream+1]
	if lo == hi {
		return lo, 0, false, nil
	}
	j, exact := slices.BinarySearch(t.texts[lo:hi], name)
	b = lo + j
	if !exact && j > 0 {
		b--
	}
	p, err := s.must(d, keysTable, b, keyName)
	if err != nil {
		return b, 0, false, err
	}
	i, found = p.texts.search(name)
	if i == p.texts.len() && b+1 < hi {
		b, i = b+1, 0
	}
	return b, i, found, nil
}

// keyAt is key i of a block, without its name. It gets all pages before it looks
// into one: the processor waits for them at the same time.
func (s *Sealed) keyAt(d *directory, b, i int) (k Keyed, err error) {
	t := &d.tables[keysTable]
	slot, n := int(t.blocks[b].slot), t.blockLen(b)
	var pages [keyBase + 1]*page
	for col := range pages {
		if col == keyName {
			continue
		}
		if pages[col], err = s.page(d, slot+col, n); err != nil {
			return k, err
		}
	}
	k = Keyed{
		Stream:  uint32(pages[keyStream].int(i)),
		Row:     uint64(pages[keyRow].int(i)),
		Changes: int(pages[keyChanges].int(i)), Beats: int(pages[keyBeats].int(i)), Retractions: int(pages[keyRetractions].int(i)),
		Last: uint64(pages[keyLast].int(i)), Base: uint64(pages[keyBase].int(i)),
	}
	return k, s.checkKey(d, slot, &k)
}

// checkKey reports a key whose rows are not all there; slot is that of the first
// page of its block.
func (s *Sealed) checkKey(d *directory, slot int, k *Keyed) error {
	left := s.info.Rows - k.Row
	if k.Row >= s.info.Rows || uint64(k.Changes) > left || uint64(k.Beats) > left || uint64(k.Retractions) > left || uint64(k.Rows()) > left || k.Rows() == 0 {
		return s.corrupt(d.places[slot+keyRow].offset, fmt.Sprintf("a key has rows that are not there, from row %d on", k.Row))
	}
	return nil
}

// keyName is the name of key i of a block.
func (s *Sealed) keyName(d *directory, b, i int) (string, error) {
	p, err := s.must(d, keysTable, b, keyName)
	if err != nil {
		return "", err
	}
	return p.text(i), nil
}

// ownerOf is the place of the key that has row.
func (s *Sealed) ownerOf(d *directory, row uint64) (b, i int, err error) {
	t := &d.tables[keysTable]
	b = max(t.lastFence(int64(row)), 0)
	p, err := s.must(d, keysTable, b, keyRow)
	if err != nil {
		return b, 0, err
	}
	return b, max(p.ints.below(int64(row)+1)-1, 0), nil
}

// KeyOf is the key that has row. O(log keys).
func (s *Sealed) KeyOf(row uint64) (k Keyed, err error) {
	d, err := s.opened()
	if err != nil {
		return k, err
	}
	if row >= s.info.Rows {
		return k, s.noRow(row)
	}
	b, i, err := s.ownerOf(d, row)
	if err != nil {
		return k, err
	}
	if k, err = s.keyAt(d, b, i); err != nil {
		return k, err
	}
	if row < k.Row || row >= k.Row+uint64(k.Rows()) {
		return k, s.corrupt(s.end.directory.offset, fmt.Sprintf("no key has row %d", row))
	}
	k.Name, err = s.keyName(d, b, i)
	return k, err
}

func (s *Sealed) noRow(row uint64) error {
	return fmt.Errorf("read row %d of %s: it has %d rows", row, s.Path, s.info.Rows)
}

// KeyCursor walks the keys of one stream, in either direction. It stands between
// two keys and has one user at a time.
type KeyCursor struct {
	s      *Sealed
	err    error
	lo, hi int // blocks of the stream
	b, i   int // the key behind the cursor

	// Keys without a change up to that time are passed over; see Until.
	until   int64
	some    bool
	changes timeline

	// Keys are decoded some at a time, at first few.
	ahead []Keyed // the ones behind the cursor, of keys
	keys  []Keyed
	step  int
	ints  [cursorKeys]int64
	names texts
}

// cursorKeys is how many keys a cursor decodes at once.
const cursorKeys = 64

// Seek is a cursor in front of the first key of the stream that is not less than
// name: Next is that key, Prev the one before. A stream that is not there has no
// keys. The names that the cursor gives are valid for ever.
func (s *Sealed) Seek(stream uint32, name string) KeyCursor {
	d, err := s.opened()
	c := KeyCursor{s: s, err: err}
	at := s.stream(stream)
	if err != nil || at < 0 {
		return c
	}
	c.lo, c.hi = d.keyBlocks[at], d.keyBlocks[at+1]
	c.b, c.i, _, c.err = s.seekKey(d, at, name)
	return c
}

// SeekEnd is a cursor behind the last key of the stream.
func (s *Sealed) SeekEnd(stream uint32) KeyCursor {
	d, err := s.opened()
	c := KeyCursor{s: s, err: err}
	at := s.stream(stream)
	if err == nil && at >= 0 {
		c.lo, c.hi = d.keyBlocks[at], d.keyBlocks[at+1]
		c.b, c.i = c.hi, 0
	}
	return c
}

// Until makes the cursor pass over keys that have no change or delete whose time is at
// most t. The stream is one by time.
func (c *KeyCursor) Until(t int64) {
	if c.err == nil {
		c.until, c.some = t, true
		c.changes = timeline{s: c.s, d: c.s.directory.Load(), col: colTime, block: -1}
	}
}

// passes reports whether the cursor stops at k: it looks at one time, that of the
// first change, which for keys in order is near the one before.
func (c *KeyCursor) passes(k *Keyed) bool {
	if !c.some {
		return true
	}
	if k.Changes == 0 {
		return false
	}
	first, err := c.changes.at(k.Row)
	c.err = err
	return first <= c.until
}

// Next is the key behind the cursor, which moves past it; ok is false at the end.
func (c *KeyCursor) Next() (k Keyed, ok bool, err error) {
	for {
		if k, ok, err = c.forward(); !ok {
			return k, false, err
		}
		if stop := c.passes(&k); stop || c.err != nil {
			return k, c.err == nil, c.err
		}
	}
}

// forward is Next of any key.
func (c *KeyCursor) forward() (k Keyed, ok bool, err error) {
	if c.err != nil || c.lo == c.hi {
		return k, false, c.err
	}
	if len(c.ahead) == 0 {
		d := c.s.directory.Load()
		t := &d.tables[keysTable]
		for c.b < c.hi && c.i >= t.blockLen(c.b) {
			c.b, c.i = c.b+1, 0
		}
		if c.b >= c.hi {
			return k, false, nil
		}
		if c.err = c.fill(d, t.blockLen(c.b)); c.err != nil {
			return k, false, c.err
		}
	}
	k, c.ahead = c.ahead[0], c.ahead[1:]
	c.i++
	return k, true, nil
}

// fill decodes the next keys of the block, which has n.
func (c *KeyCursor) fill(d *directory, n int) error {
	c.step = min(max(4*c.step, 1), cursorKeys)
	n = min(n-c.i, c.step)
	c.keys = slices.Grow(c.keys[:0], n)[:n]
	c.ahead = c.keys
	slot := int(d.tables[keysTable].blocks[c.b].slot)
	for col := keyStream; col <= keyBase; col++ {
		p, err := c.s.must(d, keysTable, c.b, col)
		if err != nil {
			return err
		}
		if col == keyName {
			c.names.codes, c.names.dict = c.names.codes[:0], c.names.dict[:0]
			p.texts.slice(&c.names, c.i, n)
			for j := range c.ahead {
				c.ahead[j].Name = c.names.at(j)
			}
			continue
		}
		v := c.ints[:n]
		p.slice(v, c.i)
		for j, x := range v {
			c.ahead[j].set(col, x)
		}
	}
	for j := range c.ahead {
		if err := c.s.checkKey(d, slot, &c.ahead[j]); err != nil {
			return err
		}
	}
	return nil
}

// set sets what a column of the table of keys says.
func (k *Keyed) set(col int, x int64) {
	switch col {
	case keyStream:
		k.Stream = uint32(x)
	case keyRow:
		k.Row = uint64(x)
	case keyChanges:
		k.Changes = int(x)
	case keyBeats:
		k.Beats = int(x)
	case keyRetractions:
		k.Retractions = int(x)
	case keyLast:
		k.Last = uint64(x)
	case keyBase:
		k.Base = uint64(x)
	}
}

// Prev is the key in front of the cursor, which moves before it; ok is false at
// the beginning.
func (c *KeyCursor) Prev() (k Keyed, ok bool, err error) {
	for {
		if k, ok, err = c.back(); !ok {
			return k, false, err
		}
		if stop := c.passes(&k); stop || c.err != nil {
			return k, c.err == nil, c.err
		}
	}
}

// back is Prev of any key.
func (c *KeyCursor) back() (k Keyed, ok bool, err error) {
	if c.err != nil || c.lo == c.hi {
		return k, false, c.err
	}
	d := c.s.directory.Load()
	for c.i == 0 {
		if c.b == c.lo {
			return k, false, nil
		}
		c.b--
		c.i = d.tables[keysTable].blockLen(c.b)
	}
	c.i--
	c.ahead = nil
	k, err = c.read(d)
	return k, err == nil, err
}

func (c *KeyCursor) read(d *directory) (k Keyed, err error) {
	if k, err = c.s.keyAt(d, c.b, c.i); err == nil {
		k.Name, err = c.s.keyName(d, c.b, c.i)
	}
	c.err = err
	return k, err
}
