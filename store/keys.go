package store

import (
	"slices"

	"github.com/annalsdb/annals/segment"
)

// found is a key with everything that there is of it: k in the live index, parts
// in sealed files, newest first; at least one of them.
type found struct {
	name  string
	k     *key
	parts []part
}

// follow is the trail of the key.
func (t *trail) followFound(db *DB, f *files, s *stream, x *found) {
	t.db, t.files, t.s, t.name, t.k = db, f, s, x.name, x.k
	t.parts, t.whole = x.parts, true
	t.hash = segment.Hash(s.number, x.name)
}

// reached is the position of the key's newest event, and of what of it is sealed.
func (x *found) reached() uint64 {
	if x.k != nil {
		if at := x.k.Data.reached.Load(); at != 0 {
			return at
		}
	}
	if len(x.parts) > 0 {
		return x.parts[0].Last
	}
	return 0
}

// keysFrom fills l with up to the n keys of the walk's stream in key order (descending
// if reverse), from the name on, or behind it if past is set; with reverse and from
// "" from the last one.
func (f *files) keysFrom(from *keysWalk, l *keyList) error {
	w := keyWalk{reverse: from.reverse, space: l.parts[:0]}
	w.live = from.s.liveFrom(from.from, from.past, from.reverse, from.n)
	for i := len(f.sealed) - 1; i >= 0; i-- {
		if in := from.s.in(f.sealed[i]); in == nil || from.of != nil && !from.of.matters(from.s, f.sealed[i], in) {
			continue
		}
		if err := w.open(f.sealed[i], from.s, from.from, from.past); err != nil {
			return err
		}
	}
	l.keys = slices.Grow(l.keys[:0], from.n)
	for len(l.keys) < from.n {
		x, ok, err := w.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		l.keys = append(l.keys, x)
	}
	l.parts = w.space
	return nil
}

// matters reports whether an event of a stream in a sealed file can have a say in
// the states of the view.
func (v *View) matters(s *stream, f *segment.Sealed, in *segment.SealedStream) bool {
	return f.Info().First <= v.seq && (in.MinTime <= v.time || in.Retractions > 0 || s.Order == ByArrival)
}

// keyList is keys and the memory they are in, to be used again when they are not.
type keyList struct {
	keys  []found
	parts []part
}

// liveFrom is the keys of the live index likewise.
func (s *stream) liveFrom(from string, past, reverse bool, n int) []*key {
	keys := make([]*key, 0, n)
	visit := func(k *key) bool {
		if !past || k.Name != from {
			keys = append(keys, k)
		}
		return len(keys) < n
	}
	tree := s.live.Ordered()
	switch {
	case !reverse:
		tree.AscendGreaterOrEqual(&key{Name: from}, visit)
	case from == "" && !past:
		tree.Descend(visit)
	default:
		tree.DescendLessOrEqual(&key{Name: from}, visit)
	}
	return keys
}

// partsAtOnce is how many parts are made room for at first.
const partsAtOnce = 256

// keyWalk merges the keys of the live index and of sealed files.
type keyWalk struct {
	reverse bool
	live    []*key
	files   []fileKeys // newest first
	space   []part     // what the parts of the keys found stand in
}

// fileKeys is the keys of one file and the next of them.
type fileKeys struct {
	file   *segment.Sealed
	cursor segment.KeyCursor
	next   segment.Keyed
	ok     bool
}

func (w *keyWalk) open(file *segment.Sealed, s *stream, from string, past bool) error {
	c := fileKeys{file: file}
	switch {
	case !w.reverse:
		c.cursor = file.Seek(s.number, from)
	case from == "" && !past:
		c.cursor = file.SeekEnd(s.number)
	case past:
		c.cursor = file.Seek(s.number, from) // the one before comes first
	default:
		c.cursor = file.Seek(s.number, from+"\x00")
	}
	if err := w.advance(&c); err != nil {
		return err
	}
	if past && c.ok && c.next.Name == from {
		if err := w.advance(&c); err != nil {
			return err
		}
	}
	w.files = append(w.files, c)
	return nil
}

func (w *keyWalk) advance(c *fileKeys) (err error) {
	if w.reverse {
		c.next, c.ok, err = c.cursor.Prev()
	} else {
		c.next, c.ok, err = c.cursor.Next()
	}
	return err
}

// next is the next key of all.
func (w *keyWalk) next() (x found, ok bool, err error) {
	before := func(name string) bool {
		return !ok || !w.reverse && name < x.name || w.reverse && name > x.name
	}
	if len(w.live) > 0 {
		x.name, ok = w.live[0].Name, true
	}
	for i := range w.files {
		if c := &w.files[i]; c.ok && before(c.next.Name) {
			x.name, ok = c.next.Name, true
		}
	}
	if !ok {
		return x, false, nil
	}
	if len(w.live) > 0 && w.live[0].Name == x.name {
		x.k, w.live = w.live[0], w.live[1:]
	}
	if cap(w.space)-len(w.space) < len(w.files) { // those given stay where they are
		w.space = make([]part, 0, max(partsAtOnce, 2*cap(w.space), len(w.files)))
	}
	start := len(w.space)
	for i := range w.files {
		if c := &w.files[i]; c.ok && c.next.Name == x.name {
			w.space = append(w.space, part{file: c.file, Keyed: c.next})
			if err := w.advance(c); err != nil {
				return x, false, err
			}
		}
	}
	x.parts = slices.Clip(w.space[start:])
	return x, true, nil
}

// keysWalk goes through the keys of a stream, n at a time, in key order or
// against it.
type keysWalk struct {
	db      *DB
	s       *stream
	n       int
	of      *View // only keys that may have a state in it; nil: all
	reverse bool
	from    string
	past    bool // from itself was had
}

// some hands the next keys to visit with the files pinned that hold them; more is
// false when there are no others.
func (w *keysWalk) some(visit func(f *files, keys []found) error) (more bool, err error) {
	f, err := w.db.pin()
	if err != nil {
		return false, err
	}
	defer f.unpin()
	var l keyList
	if more, err = w.next(f, &l); err != nil {
		return false, err
	}
	return more, visit(f, l.keys)
}

// next fills l with the next keys that f, which is pinned, holds.
func (w *keysWalk) next(f *files, l *keyList) (more bool, err error) {
	if err := f.keysFrom(w, l); err != nil || len(l.keys) == 0 {
		return false, err
	}
	w.from, w.past = l.keys[len(l.keys)-1].name, true
	return len(l.keys) == w.n, nil
}
