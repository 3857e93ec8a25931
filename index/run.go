package index

import (
	"math"
	"sort"
	"sync/atomic"

	"github.com/google/btree"
)

// Version is one event of a key. Place is the caller's: where the event is
// stored and what it is.
type Version struct {
	Time  int64 // ns since 1970 UTC
	Seq   uint64
	Place uint64
}

// Before reports whether v comes before o by (Time, Seq).
func (v Version) Before(o Version) bool {
	return v.Time < o.Time || v.Time == o.Time && v.Seq < o.Seq
}

// lateDegree is the B-tree's: small nodes, because each late version copies
// one on every level.
const lateDegree = 16

// Run is the versions of a key in their stream's order: by (Time, Seq), or, by
// arrival, by Seq. The zero Run is empty and by time. One writer, any number of
// readers.
type Run struct {
	inOrder List[Version] // by time: rising in Time and in Seq; by arrival: in Seq
	late    atomic.Pointer[btree.BTreeG[Version]]
	arrival bool
}

// Insert adds v, whose Seq is higher than any before. O(1) in order, O(log n)
// late.
func (r *Run) Insert(v Version) {
	in := r.inOrder.View()
	if r.arrival || len(in) == 0 || v.Time >= in[len(in)-1].Time {
		r.inOrder.Append(v)
		return
	}
	late := r.late.Load()
	if late == nil {
		late = btree.NewG(lateDegree, Version.Before)
	} else {
		late = late.Clone()
	}
	late.ReplaceOrInsert(v)
	r.late.Store(late)
}

// Newest is the version that came last of those in order, and whether there is
// one. O(1).
func (r *Run) Newest() (Version, bool) {
	in := r.inOrder.View()
	if len(in) == 0 {
		return Version{}, false
	}
	return in[len(in)-1], true
}

// Last is the last version in order with Time ≤ t and Seq ≤ seq that keep
// accepts; a nil keep accepts all. By time it is O(log n) plus what keep
// refuses and, among late versions, what is newer than seq; by arrival it is
// O(log n) plus those of later Time passed over.
func (r *Run) Last(t int64, seq uint64, keep func(Version) bool) (Version, bool) {
	in := r.prefix(t, seq)
	var best Version
	found := false
	for i := len(in) - 1; i >= 0 && !found; i-- {
		if in[i].Time <= t && (keep == nil || keep(in[i])) {
			best, found = in[i], true
		}
	}
	late := r.late.Load()
	if late == nil {
		return best, found
	}
	late.DescendLessOrEqual(Version{Time: t, Seq: math.MaxUint64}, func(v Version) bool {
		if found && v.Before(best) {
			return false
		}
		if v.Seq <= seq && (keep == nil || keep(v)) {
			best, found = v, true
			return false
		}
		return true
	})
	return best, found
}

// prefix is the part of the versions in order that may be asked for: all those
// with Seq ≤ seq, and by time also Time ≤ t.
func (r *Run) prefix(t int64, seq uint64) []Version {
	in := r.inOrder.View()
	n := len(in)
	if n > 0 && in[n-1].Seq > seq {
		n = sort.Search(n, func(i int) bool { return in[i].Seq > seq })
	}
	if !r.arrival && n > 0 && in[n-1].Time > t {
		n = sort.Search(n, func(i int) bool { return in[i].Time > t })
	}
	return in[:n]
}

// All is the versions with Time ≤ t and Seq ≤ seq in order. It is not to be
// written to; without late versions, by time, it is no copy and O(log n).
func (r *Run) All(t int64, seq uint64) []Version {
	in := r.prefix(t, seq)
	late := r.late.Load()
	switch {
	case r.arrival:
		return upTo(in, t)
	case late == nil:
		return in
	}
	merged := make([]Version, 0, len(in)+late.Len())
	late.Ascend(func(v Version) bool {
		if v.Time > t {
			return false
		}
		if v.Seq <= seq {
			n := sort.Search(len(in), func(i int) bool { return v.Before(in[i]) })
			merged = append(append(merged, in[:n]...), v)
			in = in[n:]
		}
		return true
	})
	return append(merged, in...)
}

// upTo is the versions of in with Time ≤ t.
func upTo(in []Version, t int64) []Version {
	if t == math.MaxInt64 {
		return in
	}
	kept := make([]Version, 0, len(in))
	for _, v := range in {
		if v.Time <= t {
			kept = append(kept, v)
		}
	}
	return kept
}

// Find is the version of position seq. O(log n) in order, O(n) among late ones.
func (r *Run) Find(seq uint64) (Version, bool) {
	in := r.inOrder.View()
	i := sort.Search(len(in), func(i int) bool { return in[i].Seq >= seq })
	if i < len(in) && in[i].Seq == seq {
		return in[i], true
	}
	late := r.late.Load()
	if late == nil {
		return Version{}, false
	}
	var hit Version
	late.Ascend(func(v Version) bool {
		if v.Seq == seq {
			hit = v
		}
		return hit.Seq == 0
	})
	return hit, hit.Seq != 0
}
