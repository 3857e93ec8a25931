package store

import (
	"slices"
	"strings"

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

// partsAtOnce is how many parts are made room for at first.
const partsAtOnce = 256

// room is memory for n parts. Those given stay where they are.
func (l *keyList) room(n int) []part {
	if cap(l.parts)-len(l.parts) < n {
		l.parts = make([]part, 0, max(partsAtOnce, 2*cap(l.parts), n))
	}
	return l.parts[len(l.parts):]
}

// liveFrom is up to n keys of the live index in key order (descending if reverse),
// from the name on, or behind it if past is set; with reverse and from "" from the
// last one.
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

// keysWalk goes through the keys of a stream, n at a time, in key order or
// against it. It merges those of the live index and of sealed files.
type keysWalk struct {
	db      *DB
	s       *stream
	n       int
	of      *View // only keys that may have a state in it; nil: all
	reverse bool
	from    string // where to begin; in reverse, "" is behind the last key
	past    bool   // from itself was had

	in    *files     // that the cursors are in
	files []fileKeys // newest first
	same  []int      // of files, those whose next key is that of all
	live  []*key
}

// fileKeys is the keys of one file and the next of them.
type fileKeys struct {
	file   *segment.Sealed
	cursor segment.KeyCursor
	next   segment.Keyed
	ok     bool
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
	l.keys, l.parts = slices.Grow(l.keys[:0], w.n), l.parts[:0]
	if err := w.stand(f); err != nil {
		return false, err
	}
	for len(l.keys) < w.n {
		if ok, err := w.step(l); !ok || err != nil {
			return false, err
		}
	}
	w.from, w.past = l.keys[len(l.keys)-1].name, true
	return true, nil
}

// stand has the cursors in f and the keys of the live index. Where the files are
// those of before, the cursors stand where they are to go on.
func (w *keysWalk) stand(f *files) error {
	w.live = w.s.liveFrom(w.from, w.past, w.reverse, w.n)
	if w.in == f {
		return nil
	}
	w.in, w.files = f, w.files[:0]
	for i := len(f.sealed) - 1; i >= 0; i-- {
		in := w.s.in(f.sealed[i])
		if in == nil || w.of != nil && !w.of.matters(w.s, f.sealed[i], in) {
			continue
		}
		if err := w.open(f.sealed[i], in); err != nil {
			return err
		}
	}
	return nil
}

func (w *keysWalk) open(file *segment.Sealed, in *segment.SealedStream) error {
	c := fileKeys{file: file}
	switch {
	case !w.reverse:
		c.cursor = file.Seek(w.s.number, w.from)
	case w.from == "" && !w.past:
		c.cursor = file.SeekEnd(w.s.number)
	case w.past:
		c.cursor = file.Seek(w.s.number, w.from) // the one before comes first
	default:
		c.cursor = file.Seek(w.s.number, w.from+"\x00")
	}
	if w.of != nil && w.of.time < in.MaxTime && in.Retractions == 0 && w.s.Order == ByTime {
		c.cursor.Until(w.of.time)
	}
	if err := w.advance(&c); err != nil {
		return err
	}
	if w.past && c.ok && c.next.Name == w.from {
		if err := w.advance(&c); err != nil {
			return err
		}
	}
	w.files = append(w.files, c)
	return nil
}

func (w *keysWalk) advance(c *fileKeys) (err error) {
	if w.reverse {
		c.next, c.ok, err = c.cursor.Prev()
	} else {
		c.next, c.ok, err = c.cursor.Next()
	}
	return err
}

// step adds the next key of all to l; ok is false if there is none.
func (w *keysWalk) step(l *keyList) (ok bool, err error) {
	x := found{}
	if len(w.live) > 0 {
		x.name, ok = w.live[0].Name, true
	}
	w.same = w.same[:0]
	for i := range w.files {
		c := &w.files[i]
		if !c.ok {
			continue
		}
		order := strings.Compare(c.next.Name, x.name)
		if w.reverse {
			order = -order
		}
		if !ok || order < 0 {
			x.name, ok, order, w.same = c.next.Name, true, 0, w.same[:0]
		}
		if order == 0 {
			w.same = append(w.same, i)
		}
	}
	if !ok {
		return false, nil
	}
	if len(w.live) > 0 && w.live[0].Name == x.name {
		x.k, w.live = w.live[0], w.live[1:]
	}
	return true, w.take(&x, l)
}

// take adds the key x to l with its parts in the files same, whose cursors go on.
func (w *keysWalk) take(x *found, l *keyList) error {
	parts := l.room(len(w.same))
	for _, i := range w.same {
		c := &w.files[i]
		parts = append(parts, part{file: c.file, Keyed: c.next})
		if err := w.advance(c); err != nil {
			return err
		}
	}
	x.parts = slices.Clip(parts)
	l.parts = l.parts[:len(l.parts)+len(parts)]
	l.keys = append(l.keys, *x)
	return nil
}
