package aggregate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Quantile is the value of which the share Q of the values is not greater, about:
// that of rank ⌊Q × (count − 1)⌋, counted from 0 in ascending order, within the
// relative Error. Values are int64 and float64; zeros and infinities are told
// exactly, NaN stands behind +Inf, nulls are left out. The result is a float64,
// of nothing it is null.
//
// It counts values in buckets, as DDSketch does (C. Masson, J. E. Rim, H. K. Lee,
// "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
// guarantees", 2019): buckets are never joined, so the sketch depends on nothing
// but the values, merges without loss and inverts. A bucket is the sign, the
// exponent and the first bits of the fraction of a float: finding it is a shift,
// the same on any machine, for a half more buckets than logarithms would need.
// With b bits of fraction a bucket [l, u) is at most l/2^b wide, and 2lu/(l+u) is
// within 1/(2^(b+1) + 1) of all in it. Below 2.3e-308, where floats have no
// leading one, the error is that of 2.3e-308.
type Quantile struct {
	Q     float64 // 0 to 1
	Error float64 // 0 stands for 0.01; at least 0.0001
}

// String implements [Function].
func (f Quantile) String() string { return fmt.Sprintf("quantile(%v, %v)", f.Q, f.error()) }

func (f Quantile) error() float64 {
	if f.Error == 0 {
		return 0.01
	}
	return f.Error
}

// bits are the fewest bits of fraction with which the error is kept.
func (f Quantile) bits() int {
	b := 1
	for b < 13 && bucketError(b) > f.error() {
		b++
	}
	return b
}

func bucketError(bits int) float64 { return 1 / float64(int(2)<<bits+1) }

// Laws implements [Function].
func (f Quantile) Laws() Laws {
	return Laws{Class: Group, Inverts: true, Error: bucketError(f.bits())}
}

// Groups implements [Function].
func (f Quantile) Groups(n int) Groups {
	return &quantiles{f: f, shift: 52 - f.bits(), groups: make([]buckets, n)}
}

type quantiles struct {
	f      Quantile
	shift  int
	groups []buckets
	counts int // of all groups: how long their arrays are
}

// buckets are the counts of a group. Most are in two arrays, one for each sign.
type buckets struct {
	neg, pos bucketArray
	zeros    int64
	far      map[int32]int64 // buckets that the arrays do not reach, NaN
}

// bucketArray are the counts of sizes first, first+1, …
type bucketArray struct {
	counts []int64
	first  int32
}

// mostBuckets is the longest array, 32 KiB: with an error of 1 % for numbers from
// 1 to 10^19.
const mostBuckets = 4096

// nanBucket is behind all others.
const nanBucket = 1 << 30

// bucketOf is the bucket of f: 0 for 0, the others by sign and size.
func (q *quantiles) bucketOf(f float64) int32 {
	b := math.Float64bits(f)
	switch size := int32(b &^ (1 << 63) >> q.shift); {
	case f != f:
		return nanBucket
	case f == 0:
		return 0
	case f < 0:
		return -1 - size
	default:
		return 1 + size
	}
}

// middle is the value that stands for all in a bucket.
func (q *quantiles) middle(bucket int32) float64 {
	switch {
	case bucket == nanBucket:
		return math.NaN()
	case bucket == 0:
		return 0
	case bucket < 0:
		return -q.middle(-bucket)
	}
	l := math.Float64frombits(uint64(bucket-1) << q.shift)
	if math.IsInf(l, 1) {
		return l
	}
	u := min(math.Float64frombits(uint64(bucket)<<q.shift), math.MaxFloat64)
	return l / ((1 + l/u) / 2) // 2lu/(l+u) overflows
}

func (q *quantiles) function() Function { return q.f }

// Len implements [Groups].
func (q *quantiles) Len() int { return len(q.groups) }

// Grow implements [Groups].
func (q *quantiles) Grow(n int) { q.groups = grow(q.groups, n) }

// Add implements [Groups].
func (q *quantiles) Add(groups []uint32, v *Vector) error { return q.add(groups, v, 1) }

// Remove implements [Inverse].
func (q *quantiles) Remove(groups []uint32, v *Vector) error { return q.add(groups, v, -1) }

func (q *quantiles) add(groups []uint32, v *Vector, n int64) error {
	if !numeric(v.Kind) {
		return refuse(q.f, v.Kind)
	}
	if err := check(groups, v, false); err != nil {
		return err
	}
	switch v.Kind {
	case segment.Int64Value:
		for i, x := range v.Ints {
			q.count(target(groups, i), q.bucketOf(float64(x)), n)
		}
	case segment.Float64Value:
		for i, f := range v.Floats {
			q.count(target(groups, i), q.bucketOf(f), n)
		}
	}
	return nil
}

// count counts a bucket n times.
func (q *quantiles) count(group int, bucket int32, n int64) {
	c := &q.groups[group]
	switch a, size := c.array(bucket); {
	case bucket == 0:
		c.zeros += n
	case uint(size-a.first) < uint(len(a.counts)):
		a.counts[size-a.first] += n
	default:
		q.outside(c, bucket, n, mostBuckets)
	}
}

// array is where a bucket belongs.
func (c *buckets) array(bucket int32) (a *bucketArray, size int32) {
	if bucket < 0 {
		return &c.neg, -bucket
	}
	return &c.pos, bucket
}

// outside counts a bucket that its array does not reach yet; it becomes no longer
// than most for it.
func (q *quantiles) outside(c *buckets, bucket int32, n int64, most int) {
	a, size := c.array(bucket)
	if had := len(a.counts); bucket != nanBucket && a.reach(size, most) {
		a.counts[size-a.first] += n
		q.counts += len(a.counts) - had
		return
	}
	if c.far == nil {
		c.far = map[int32]int64{}
	}
	c.far[bucket] += n
	q.counts++
}

// Size implements [Groups].
func (q *quantiles) Size() int64 { return int64(96*cap(q.groups) + 8*q.counts) }

// reach makes the array hold a size, if that needs no more than most.
func (a *bucketArray) reach(size int32, most int) bool {
	first, end := int(a.first), int(a.first)+len(a.counts)
	if len(a.counts) == 0 {
		first, end = int(size), int(size)
	}
	lo, hi := min(first, int(size)), max(end, int(size)+1)
	if hi-lo > most {
		return false
	}
	// The next sizes may lie as far beyond.
	room := min(max(len(a.counts)/2, 1), most-(hi-lo))
	if lo < first {
		lo = max(lo-room, 0)
	} else {
		hi += room
	}
	wider := make([]int64, hi-lo)
	copy(wider[first-lo:], a.counts)
	a.counts, a.first = wider, int32(lo)
	return true
}

// bucketCount is a bucket and its count, not 0.
type bucketCount struct {
	bucket int32
	n      int64
}

// all are the counts in ascending order of buckets.
func (c *buckets) all() (all []bucketCount) {
	add := func(bucket int32, n int64) {
		if n != 0 {
			all = append(all, bucketCount{bucket, n})
		}
	}
	for i, n := range c.neg.counts {
		add(-(c.neg.first + int32(i)), n)
	}
	slices.Reverse(all)
	add(0, c.zeros)
	for i, n := range c.pos.counts {
		add(c.pos.first+int32(i), n)
	}
	if len(c.far) == 0 {
		return all
	}
	for bucket, n := range c.far {
		add(bucket, n)
	}
	slices.SortFunc(all, func(a, b bucketCount) int { return cmp.Compare(a.bucket, b.bucket) })
	// What came too far away for the array first may have come near enough later.
	joined := all[:0]
	for _, b := range all {
		if last := len(joined) - 1; last >= 0 && joined[last].bucket == b.bucket {
			joined[last].n += b.n
		} else {
			joined = append(joined, b)
		}
	}
	return slices.DeleteFunc(joined, func(b bucketCount) bool { return b.n == 0 })
}

// Merge implements [Groups].
func (q *quantiles) Merge(groups []uint32, o Groups) error { return q.merge(groups, o, 1) }

// Subtract implements [Inverse].
func (q *quantiles) Subtract(groups []uint32, o Groups) error { return q.merge(groups, o, -1) }

func (q *quantiles) merge(groups []uint32, other Groups, sign int64) error {
	o, err := same(q, groups, other)
	if err != nil {
		return err
	}
	for i := range o.groups {
		g, ok := ordinal(groups, i)
		if !ok {
			continue
		}
		for _, b := range o.groups[i].all() {
			q.count(g, b.bucket, sign*b.n)
		}
	}
	return nil
}

// Result implements [Groups].
func (q *quantiles) Result(group int) (segment.Value, error) {
	all, total := q.groups[group].all(), int64(0)
	for _, b := range all {
		if b.n < 0 {
			return segment.Value{}, ErrRemoved
		}
		total += b.n
	}
	if total == 0 {
		return segment.Value{}, nil
	}
	share := min(q.f.Q, 1)
	if !(share > 0) { // or NaN
		share = 0
	}
	left := int64(math.Floor(share * float64(total-1)))
	i := 0
	for left >= all[i].n && i < len(all)-1 {
		left -= all[i].n
		i++
	}
	return segment.Float64Of(q.middle(all[i].bucket)), nil
}

// A quantile sketch
//
//	1 byte   quantileForm
//	1 byte   bits of fraction
//	uvarint  count of buckets, and for each, in ascending order:
//	         varint the bucket less the one before it (at first, 0); varint its
//	         count, not 0

// AppendBinary implements [Groups].
func (q *quantiles) AppendBinary(dst []byte, group int) ([]byte, error) {
	all := q.groups[group].all()
	dst = binary.AppendUvarint(append(dst, quantileForm, byte(52-q.shift)), uint64(len(all)))
	last := int32(0)
	for _, b := range all {
		dst = binary.AppendVarint(dst, int64(b.bucket)-int64(last))
		dst = binary.AppendVarint(dst, b.n)
		last = b.bucket
	}
	return dst, nil
}

// MergeBinary implements [Groups].
func (q *quantiles) MergeBinary(group int, b []byte) error {
	d, err := open(q.f, b, quantileForm)
	if err != nil {
		return err
	}
	bits, n := d.Byte(), d.Uvarint()
	if d.Bad() || int(bits) != 52-q.shift || n > uint64(len(d.Rest())) {
		return malformed(q.f)
	}
	most, last := int64(0x7ff)<<bits+1, int64(0)
	all := make([]bucketCount, n)
	for i := range all {
		step := d.Varint()
		bucket := last + step
		count := d.Varint()
		if d.Bad() || count == 0 || i > 0 && step <= 0 || step < -most || step > nanBucket+most || bucket < -most || bucket > most && bucket != nanBucket {
			return malformed(q.f)
		}
		last, all[i] = bucket, bucketCount{int32(bucket), count}
	}
	if d.Rest() != "" {
		return malformed(q.f)
	}
	// Few buckets do not get a long array, whatever they claim.
	c := &q.groups[group]
	for _, b := range all {
		a, size := c.array(b.bucket)
		if b.bucket == 0 || uint(size-a.first) < uint(len(a.counts)) {
			q.count(group, b.bucket, b.n)
		} else {
			q.outside(c, b.bucket, b.n, min(mostBuckets, 16*len(all)))
		}
	}
	return nil
}
