package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// # Sessions
//
// Which session an event belongs to depends on others. What a bite brings is made
// into sessions of its own; each is joined with those that it touches, in whatever
// layer they are, and the result stands in live for all of them: cells of sessions
// are whole, and those that were joined to one that begins earlier are there as cells
// without rows. A retraction may split a session: it is computed anew from the events
// between its ends. What came late is counted from when the sessions are kept on; of one
// that is split, the first part has all of it.

// sessionIndex is the numbers of the sessions in a layer by the encoding of their
// group, by start.
type sessionIndex map[string][]int

// building reports whether base is about to get windows that live cannot be joined
// with before they are there.
func (k *kept) building() bool { return k.pending != nil && k.pending.from < k.base.from }

// session is an encoded session and where it is from.
type session struct {
	window     aggregate.Span
	key, value []byte
	stale      bool
}

// join takes in cells of single times.
func (k *kept) join(times *aggregate.Cells) error {
	if times.Len() == 0 {
		return nil
	}
	came, err := times.Sessions()
	if err != nil {
		return err
	}
	return k.withBase(func(b *bolt.Bucket) error {
		for i := range came.Len() {
			s := session{window: came.At(i).Window, key: came.AppendKey(nil, i)}
			if s.value, err = came.AppendCell(nil, i); err != nil {
				return err
			}
			if err := k.joinOne(b, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// withBase runs f on the bucket, nil if there is none.
func (k *kept) withBase(f func(b *bolt.Bucket) error) error {
	return k.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(k.bucket)
		have, err := basisIn(b)
		if err == nil && !have.same(k.base) && !have.same(k.pending) {
			err = errMoved
		}
		if err != nil {
			return err
		}
		return f(b)
	})
}

// groupIn is the encoding of the group in a session's key.
func groupIn(key []byte) []byte { return key[:len(key)-cellKeyLeast] }

// joinOne joins a session that came with those that it touches.
func (k *kept) joinOne(b *bolt.Bucket, came session) error {
	all, err := k.touching(b, groupIn(came.key), came.window)
	if err != nil {
		return err
	}
	for _, s := range all {
		if _, err := k.clearSession(s.key); err != nil {
			return err
		}
	}
	all = append(all, came)
	slices.SortFunc(all, func(a, b session) int { return cmp.Compare(a.window.Start, b.window.Start) })
	return k.putSession(all)
}

// clearSession makes the session of a key an empty one in live.
func (k *kept) clearSession(key []byte) (int, error) {
	group := string(groupIn(key))
	if i, ok := k.live.Lookup(key); ok {
		k.sessions[group] = slices.DeleteFunc(k.sessions[group], func(n int) bool { return n == i })
		delete(k.stale, i)
	}
	i, err := k.live.Renew(key)
	k.live.At(i).Whole = true
	k.live.Cover()
	k.touch(key)
	return i, err
}

// putSession puts sessions, which are cleared, into live as one.
func (k *kept) putSession(all []session) error {
	i, err := k.clearSession(all[0].key)
	if err != nil {
		return err
	}
	stale := false
	for _, s := range all {
		err := k.live.MergeInto(i, s.key, s.value)
		if err != nil && !errors.Is(err, aggregate.ErrOrder) {
			return err
		}
		stale = stale || err != nil || s.stale
	}
	if k.live.At(i).Stale = stale; stale {
		k.stale[i] = true
	}
	group := string(groupIn(all[0].key))
	list := k.sessions[group]
	k.sessions[group] = slices.Insert(list, upTo(k.live, list, k.live.At(i).Window.Start), i)
	return nil
}

// upTo is how many sessions of a list begin at t or earlier.
func upTo(c *aggregate.Cells, list []int, t int64) int {
	n, _ := slices.BinarySearchFunc(list, t, func(i int, t int64) int {
		if c.At(i).Window.Start <= t {
			return -1
		}
		return 1
	})
	return n
}

// touching is the sessions of a group that share a window with one, or touch it.
func (k *kept) touching(b *bolt.Bucket, group []byte, w aggregate.Span) (all []session, err error) {
	for _, layer := range [...]struct {
		cells *aggregate.Cells
		index sessionIndex
	}{{k.live, k.sessions}, {k.frozen, k.frozenSessions}} {
		list := layer.index[string(group)]
		for n := len(list) - 1; n >= 0; n-- {
			n = min(n, upTo(layer.cells, list, w.End)-1)
			if n < 0 || layer.cells.At(list[n]).Window.End < w.Start {
				break
			}
			s := session{window: layer.cells.At(list[n]).Window, key: layer.cells.AppendKey(nil, list[n]), stale: layer.cells.At(list[n]).Stale}
			if layer.cells != k.live && covered(k.live, s.key) {
				continue
			}
			if s.value, err = layer.cells.AppendCell(nil, list[n]); errors.Is(err, aggregate.ErrOrder) {
				s.stale, err = true, nil
				s.value, err = k.plan.AppendEmpty(nil, s.window, 0)
			}
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	if b == nil {
		return all, nil
	}
	return k.touchingBase(all, b.Cursor(), group, w)
}

// touchingBase is touching in bbolt.
func (k *kept) touchingBase(all []session, c *bolt.Cursor, group []byte, w aggregate.Span) ([]session, error) {
	last := k.plan.AppendStart(bytes.Clone(group), w.End)
	key, value := c.Seek(last)
	if key == nil {
		key, value = c.Last()
	} else if !bytes.Equal(key, last) {
		key, value = c.Prev()
	}
	for ; len(key) >= cellKeyLeast && bytes.Equal(groupIn(key), group); key, value = c.Prev() {
		body, err := openCell(key, value)
		if err != nil {
			return nil, err
		}
		window, err := k.plan.SessionOf(key, body)
		if err != nil || window.End < w.Start {
			return all, err
		}
		if !covered(k.live, key) && !covered(k.frozen, key) {
			all = append(all, session{window: window, key: bytes.Clone(key), value: bytes.Clone(body)})
		}
	}
	return all, nil
}

// spoilSessions makes the sessions stale that the rows of a batch are in, or would be
// if they came: a retraction of a retraction brings its event back.
func (k *kept) spoilSessions(rows *segment.Batch) error {
	at := k.plan.Cells()
	at.From = k.liveFrom
	cells, err := at.Mark(rows)
	if err != nil {
		return err
	}
	return k.withBase(func(b *bolt.Bucket) error {
		for _, i := range cells {
			s := session{window: at.At(i).Window, key: at.AppendKey(nil, i), stale: true}
			if s.value, err = k.plan.AppendEmpty(nil, s.window, 0); err == nil {
				err = k.joinOne(b, s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// refreshSessions computes the stale sessions of live anew, as of position. mu is
// held.
func (k *kept) refreshSessions(ctx context.Context) error {
	fresh, err := k.refold(ctx)
	if err != nil {
		return err
	}
	groups := map[string][]session{}
	for i := range fresh.Len() {
		s := session{window: fresh.At(i).Window, key: fresh.AppendKey(nil, i)}
		if s.value, err = fresh.AppendCell(nil, i); err != nil {
			return err
		}
		groups[string(groupIn(s.key))] = append(groups[string(groupIn(s.key))], s)
	}
	for i := range k.stale {
		w, key, late := k.live.At(i).Window, k.live.AppendKey(nil, i), k.live.At(i).Late
		if _, err := k.clearSession(key); err != nil {
			return err
		}
		within := k.plan.Within(w)
		for _, s := range groups[string(groupIn(key))] {
			if !within.Has(s.window.Start) {
				continue
			}
			if err := k.putSession([]session{s}); err != nil {
				return err
			}
			n, _ := k.live.Lookup(s.key)
			k.live.At(n).Late, late = late, 0
		}
	}
	return nil
}

// wholeTime is all of time.
var wholeTime = aggregate.Span{Start: math.MinInt64, End: math.MaxInt64}
