package aggregate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Distinct is how many different values there are, exactly, of any kinds. Equal
// numbers are one value, whether int64 or float64; so are 0 and -0, and all NaNs.
// Nulls are left out; of nothing it is 0. It keeps every value once, with its
// count, so that values can be taken away: for what does not fit memory, or is
// not needed to the last one, there is [DistinctSketch].
type Distinct struct{}

// TopK is the K most frequent values with their counts, exactly, as a JSON list of
// {"value", "count"}: most frequent first, among equals the least in the order of
// [Compare]. What is one value is as in [Distinct]; where it came as an int64 too,
// that is shown. It keeps every value with its count: sketches of the heaviest
// depend on the order of values, so there is none here.
type TopK struct{ K int }

// String implements [Function].
func (Distinct) String() string { return "count_distinct" }

// String implements [Function].
func (f TopK) String() string { return fmt.Sprintf("top_k(%d)", f.K) }

// Laws implements [Function].
func (Distinct) Laws() Laws { return Laws{Class: Holistic, Inverts: true} }

// Laws implements [Function].
func (TopK) Laws() Laws { return Laws{Class: Holistic, Inverts: true} }

// Groups implements [Function].
func (f Distinct) Groups(n int) Groups { return &tallies{f: f, n: n} }

// Groups implements [Function].
func (f TopK) Groups(n int) Groups { return &tallies{f: f, n: n, k: max(f.K, 0), top: true} }

// tallies are multisets: one hash table of (group, value) with its count, open
// addressing with linear probes. Texts are numbered in a table of their own.
type tallies struct {
	f     Function
	n     int
	k     int
	top   bool
	slots []tally
	used  int
	ids   map[string]uint64
	texts []string
	held  int64 // bytes of texts

	// byGroup are the tallies in the order of groups and starts where each
	// begins; nil when a tally has changed.
	byGroup []tally
	starts  []int
}

// tally is one value and how often it came. A kind of null is a free slot.
type tally struct {
	bits  uint64 // of the value; of a text its number
	count int64
	group uint32
	kind  segment.ValueKind
}

func (t *tallies) function() Function { return t.f }

// Len implements [Groups].
func (t *tallies) Len() int { return t.n }

// Grow implements [Groups].
func (t *tallies) Grow(n int) { t.n, t.byGroup = max(t.n, n), nil }

// Add implements [Groups].
func (t *tallies) Add(groups []uint32, v *Vector) error { return t.add(groups, v, 1) }

// Remove implements [Inverse].
func (t *tallies) Remove(groups []uint32, v *Vector) error { return t.add(groups, v, -1) }

func (t *tallies) add(groups []uint32, v *Vector, sign int64) error {
	if err := check(groups, v, false); err != nil {
		return err
	}
	t.byGroup = nil
	switch v.Kind {
	case segment.BoolValue, segment.Int64Value, segment.TimeValue:
		for i, x := range v.Ints {
			t.count(target(groups, i), v.Kind, uint64(x), sign)
		}
	case segment.Float64Value:
		for i, f := range v.Floats {
			t.count(target(groups, i), v.Kind, canonicalBits(f), sign)
		}
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		for i, s := range v.Texts {
			t.count(target(groups, i), v.Kind, t.number(s), sign)
		}
	}
	return nil
}

// canonicalBits are the bits of f; those of one NaN for all, of 0 for -0.
func canonicalBits(f float64) uint64 {
	switch {
	case f != f:
		return nanKey
	case f == 0:
		return 0
	}
	return math.Float64bits(f)
}

// number is the number of a text.
func (t *tallies) number(s string) uint64 {
	id, ok := t.ids[s]
	if !ok {
		if t.ids == nil {
			t.ids = map[string]uint64{}
		}
		id = uint64(len(t.texts))
		t.texts = append(t.texts, s)
		t.held += int64(textSize + len(s))
		t.ids[s] = id
	}
	return id
}

// count counts a value n times.
func (t *tallies) count(group int, kind segment.ValueKind, bits uint64, n int64) {
	if uint(group) >= uint(t.n) {
		panic(fmt.Sprintf("aggregate: group %d of %d", group, t.n))
	}
	if 4*(t.used+1) > 3*len(t.slots) {
		t.rehash()
	}
	s := t.find(uint32(group), kind, bits)
	if s.kind == segment.NullValue {
		*s = tally{bits, 0, uint32(group), kind}
		t.used++
	}
	s.count += n
}

// find is the slot of a value, or the free one where it belongs.
func (t *tallies) find(group uint32, kind segment.ValueKind, bits uint64) *tally {
	mask := len(t.slots) - 1
	for i := int(mix(bits^uint64(group)<<32^uint64(kind)<<59)) & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.kind == segment.NullValue || s.bits == bits && s.group == group && s.kind == kind {
			return s
		}
	}
}

// rehash makes room, and drops values that are gone.
func (t *tallies) rehash() {
	old, live := t.slots, 0
	for i := range old {
		if old[i].count != 0 {
			live++
		}
	}
	size := 16
	for size < 2*(live+1) {
		size *= 2
	}
	t.slots, t.used = make([]tally, size), live
	for _, s := range old {
		if s.kind != segment.NullValue && s.count != 0 {
			*t.find(s.group, s.kind, s.bits) = s
		}
	}
}

// of are the tallies of a group that are not 0, in no order.
func (t *tallies) of(group int) []tally {
	if t.byGroup == nil {
		t.sort()
	}
	return t.byGroup[t.starts[group]:t.starts[group+1]]
}

// sort lays tallies out by group.
func (t *tallies) sort() {
	t.starts = make([]int, t.n+2)
	for i := range t.slots {
		if s := &t.slots[i]; s.count != 0 {
			t.starts[s.group+2]++
		}
	}
	for i := 2; i < len(t.starts); i++ {
		t.starts[i] += t.starts[i-1]
	}
	t.byGroup = make([]tally, t.starts[t.n+1])
	for _, s := range t.slots {
		if s.count != 0 {
			t.byGroup[t.starts[s.group+1]] = s
			t.starts[s.group+1]++
		}
	}
}

// value is the value of a tally.
func (t *tallies) value(s *tally) segment.Value {
	switch s.kind {
	case segment.Float64Value:
		return segment.Float64Of(math.Float64frombits(s.bits))
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return segment.FromText(s.kind, t.texts[s.bits])
	}
	return segment.FromInt(s.kind, int64(s.bits))
}

// Merge implements [Groups].
func (t *tallies) Merge(groups []uint32, o Groups) error { return t.merge(groups, o, 1) }

// Subtract implements [Inverse].
func (t *tallies) Subtract(groups []uint32, o Groups) error { return t.merge(groups, o, -1) }

func (t *tallies) merge(groups []uint32, other Groups, sign int64) error {
	o, err := same(t, groups, other)
	if err != nil {
		return err
	}
	t.byGroup = nil
	for _, s := range o.slots {
		if s.count == 0 {
			continue
		}
		g, ok := ordinal(groups, int(s.group))
		if !ok {
			continue
		}
		bits := s.bits
		if v := o.value(&s); v.Text() != "" || s.kind >= segment.StringValue && s.kind != segment.TimeValue {
			bits = t.number(v.Text())
		}
		t.count(g, s.kind, bits, sign*s.count)
	}
	return nil
}

// Result implements [Groups].
func (t *tallies) Result(group int) (segment.Value, error) {
	all := t.of(group)
	for i := range all {
		if all[i].count < 0 {
			return segment.Value{}, ErrRemoved
		}
	}
	all = joinNumbers(all)
	if t.top {
		return t.list(all), nil
	}
	return segment.Int64Of(int64(len(all))), nil
}

// joinNumbers makes the tallies of an int64 and of the equal float64 one.
func joinNumbers(all []tally) []tally {
	var ints map[uint64]int // bits of an int64 → its place
	for i, s := range all {
		if s.kind == segment.Float64Value && ints == nil {
			ints = map[uint64]int{}
			for j, s := range all {
				if s.kind == segment.Int64Value {
					ints[s.bits] = j
				}
			}
			all = slices.Clone(all)
		}
		if s.kind != segment.Float64Value || len(ints) == 0 {
			continue
		}
		if n, ok := sameNumber(math.Float64frombits(s.bits)); ok {
			if j, ok := ints[uint64(n)]; ok {
				all[j].count += s.count
				all[i].count = 0
			}
		}
	}
	if ints != nil {
		all = slices.DeleteFunc(all, func(s tally) bool { return s.count == 0 })
	}
	return all
}

// list is the most frequent of all as JSON.
func (t *tallies) list(all []tally) segment.Value {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.count, a.count), Compare(t.value(&a), t.value(&b)))
	})
	out := []byte{'['}
	for i := range all[:min(t.k, len(all))] {
		if i > 0 {
			out = append(out, ',')
		}
		out = t.value(&all[i]).AppendJSON(append(out, `{"value":`...))
		out = fmt.Appendf(out, `,"count":%d}`, all[i].count)
	}
	return segment.JSONOf(append(out, ']'))
}

// Size implements [Groups].
func (t *tallies) Size() int64 {
	return int64(24*(cap(t.slots)+cap(t.byGroup))+8*cap(t.starts)) + t.held
}

// A tally: 1 byte tallyForm; uvarint count of values, and for each, in the order
// of Compare: value; varint how often it came, not 0.

// AppendBinary implements [Groups].
func (t *tallies) AppendBinary(dst []byte, group int) ([]byte, error) {
	all := slices.Clone(t.of(group))
	slices.SortFunc(all, func(a, b tally) int { return Compare(t.value(&a), t.value(&b)) })
	dst = binary.AppendUvarint(append(dst, tallyForm), uint64(len(all)))
	for i := range all {
		dst = binary.AppendVarint(segment.AppendValue(dst, t.value(&all[i])), all[i].count)
	}
	return dst, nil
}

// MergeBinary implements [Groups].
func (t *tallies) MergeBinary(group int, b []byte) error {
	d, err := open(t.f, b, tallyForm)
	if err != nil {
		return err
	}
	n, whole := d.Uvarint(), d
	// Read twice: first to see that all of it is sound.
	last := segment.Value{}
	for range n {
		v, count := d.Value(), d.Varint()
		if d.Bad() || count == 0 || canonical(v) != v || Compare(last, v) >= 0 {
			return malformed(t.f)
		}
		last = v
	}
	if d.Bad() || d.Rest() != "" {
		return malformed(t.f)
	}
	t.byGroup = nil
	for range n {
		v, count := readValue(&whole), whole.Varint()
		bits := uint64(keyOf(v))
		switch v.Kind() {
		case segment.Float64Value:
			bits = canonicalBits(v.Float64())
		case segment.StringValue, segment.BytesValue, segment.JSONValue:
			bits = t.number(v.Text())
		}
		t.count(group, v.Kind(), bits, count)
	}
	return nil
}
