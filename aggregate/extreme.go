package aggregate

import (
	"math"

	"github.com/annalsdb/annals/segment"
)

// Min is the least value in the order of [Compare], of any kinds. Nulls are left
// out; of nothing it is null. NaN is greater than any number, so it is returned only
// where there is none.
type Min struct{}

// Max is the greatest value in the order of [Compare], of any kinds. Nulls are
// left out; of nothing it is null. NaN is greater than any number, as in SQL
// systems, so one makes it NaN.
type Max struct{}

// All reports whether all of the bools are true. Of nothing it is null.
type All struct{}

// Any reports whether any of the bools is true. Of nothing it is null.
type Any struct{}

// AnyValue is some value, always the same one of the same values: the least in
// the order of [Compare]. Of nothing it is null.
type AnyValue struct{}

// String implements [Function].
func (Min) String() string { return "min" }

// String implements [Function].
func (Max) String() string { return "max" }

// String implements [Function].
func (All) String() string { return "all" }

// String implements [Function].
func (Any) String() string { return "any" }

// String implements [Function].
func (AnyValue) String() string { return "any_value" }

// Laws implements [Function].
func (Min) Laws() Laws { return Laws{Class: Semilattice} }

// Laws implements [Function].
func (Max) Laws() Laws { return Laws{Class: Semilattice} }

// Laws implements [Function].
func (All) Laws() Laws { return Laws{Class: Semilattice} }

// Laws implements [Function].
func (Any) Laws() Laws { return Laws{Class: Semilattice} }

// Laws implements [Function].
func (AnyValue) Laws() Laws { return Laws{Class: Semilattice} }

// Groups implements [Function].
func (f Min) Groups(n int) Groups { return &extremes{f: f, n: n} }

// Groups implements [Function].
func (f Max) Groups(n int) Groups { return &extremes{f: f, n: n, flip: -1} }

// Groups implements [Function].
func (f All) Groups(n int) Groups { return &extremes{f: f, n: n, bools: true} }

// Groups implements [Function].
func (f Any) Groups(n int) Groups { return &extremes{f: f, n: n, flip: -1, bools: true} }

// Groups implements [Function].
func (f AnyValue) Groups(n int) Groups { return &extremes{f: f, n: n} }

// extremes keeps the extreme of each kind apart and chooses among them when it is
// asked. A value is a key, an integer in the order of its kind; where the greatest
// is wanted, all bits of keys are flipped, so that the least is looked for always.
type extremes struct {
	f     Function
	n     int
	flip  int64 // 0 or -1
	bools bool
	keys  [segment.TimeValue + 1]keys
	texts [segment.JSONValue + 1][]text
}

// keys are the least keys of one kind by group.
type keys struct {
	least []int64 // math.MaxInt64: none, or that itself
	ends  []bool  // that itself; shorter where there are none behind
}

// text is the extreme of a kind of text.
type text struct {
	s   string
	has bool
}

func (e *extremes) function() Function { return e.f }

// Len implements [Groups].
func (e *extremes) Len() int { return e.n }

// Grow implements [Groups].
func (e *extremes) Grow(n int) { e.n = max(e.n, n) }

// grow makes room for n groups.
func (k *keys) grow(n int) {
	old := len(k.least)
	k.least = grow(k.least, n)
	for i := old; i < len(k.least); i++ {
		k.least[i] = math.MaxInt64
	}
}

// Add implements [Groups].
func (e *extremes) Add(groups []uint32, v *Vector) error {
	if e.bools && v.Kind != segment.BoolValue && v.Kind != segment.NullValue {
		return refuse(e.f, v.Kind)
	}
	if err := check(groups, v, false); err != nil || v.Len() == 0 {
		return err
	}
	switch v.Kind {
	case segment.BoolValue, segment.Int64Value, segment.TimeValue:
		e.keys[v.Kind].grow(e.n)
		e.keys[v.Kind].addInts(groups, v.Ints, e.flip)
	case segment.Float64Value:
		e.keys[v.Kind].grow(e.n)
		e.keys[v.Kind].addFloats(groups, v.Floats, e.flip)
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		e.texts[v.Kind] = grow(e.texts[v.Kind], e.n)
		for i, s := range v.Texts {
			e.addText(v.Kind, target(groups, i), s)
		}
	}
	return nil
}

func (k *keys) addInts(groups []uint32, v []int64, flip int64) {
	if groups == nil {
		least := int64(math.MaxInt64)
		for _, x := range v {
			least = min(least, x^flip)
		}
		k.add(0, least)
		return
	}
	cells := k.least
	groups = groups[:len(v)]
	for i, x := range v {
		g := groups[i]
		if x ^= flip; x < cells[g] {
			cells[g] = x
		} else if x == math.MaxInt64 {
			k.end(int(g))
		}
	}
}

func (k *keys) addFloats(groups []uint32, v []float64, flip int64) {
	if groups == nil {
		least := int64(math.MaxInt64)
		for _, f := range v {
			least = min(least, floatKey(f)^flip)
		}
		k.add(0, least)
		return
	}
	cells := k.least
	groups = groups[:len(v)]
	for i, f := range v {
		c := &cells[groups[i]]
		if x := floatKey(f) ^ flip; x < *c { // no float has the key MaxInt64, or its flip
			*c = x
		}
	}
}

// add takes in one key.
func (k *keys) add(g int, key int64) {
	if key == math.MaxInt64 {
		k.end(g)
	}
	k.least[g] = min(k.least[g], key)
}

// end notes that group g has the greatest key itself.
func (k *keys) end(g int) {
	k.ends = grow(k.ends, g+1)
	k.ends[g] = true
}

// get is the least key of a group.
func (k *keys) get(g int) (key int64, ok bool) {
	if g >= len(k.least) {
		return 0, false
	}
	key = k.least[g]
	return key, key != math.MaxInt64 || g < len(k.ends) && k.ends[g]
}

func (e *extremes) addText(kind segment.ValueKind, g int, s string) {
	c := &e.texts[kind][g]
	if !c.has || (s < c.s) == (e.flip == 0) && s != c.s {
		*c = text{s, true}
	}
}

// addValue takes in one value.
func (e *extremes) addValue(g int, v segment.Value) {
	k := v.Kind()
	switch k {
	case segment.NullValue:
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		e.texts[k] = grow(e.texts[k], e.n)
		e.addText(k, g, v.Text())
	default:
		e.keys[k].grow(e.n)
		e.keys[k].add(g, keyOf(v)^e.flip)
	}
}

// keyOf is the key of a value that is no text.
func keyOf(v segment.Value) int64 {
	switch v.Kind() {
	case segment.BoolValue:
		return bit(v.Bool())
	case segment.Float64Value:
		return floatKey(v.Float64())
	case segment.TimeValue:
		return v.Nanos()
	}
	return v.Int64()
}

// best is the extreme of a group over all kinds.
func (e *extremes) best(g int) (best segment.Value) {
	for kind := range segment.JSONValue + 1 {
		v, ok := e.of(kind, g)
		if ok && (best.IsNull() || (Compare(v, best) < 0) == (e.flip == 0)) {
			best = v
		}
	}
	return best
}

// of is the extreme of one kind.
func (e *extremes) of(kind segment.ValueKind, g int) (segment.Value, bool) {
	if int(kind) >= len(e.keys) || len(e.texts[kind]) > 0 {
		if t := e.texts[kind]; g < len(t) && t[g].has {
			return segment.FromText(kind, t[g].s), true
		}
		return segment.Value{}, false
	}
	key, ok := e.keys[kind].get(g)
	if key ^= e.flip; kind == segment.Float64Value {
		return segment.Float64Of(keyFloat(key)), ok
	}
	return segment.FromInt(kind, key), ok
}

// Merge implements [Groups].
func (e *extremes) Merge(groups []uint32, other Groups) error {
	o, err := same(e, groups, other)
	if err != nil {
		return err
	}
	for kind := range o.keys {
		if from := &o.keys[kind]; len(from.least) > 0 {
			e.keys[kind].grow(e.n)
			e.keys[kind].merge(groups, from)
		}
	}
	for kind, from := range o.texts {
		if len(from) > 0 {
			e.texts[kind] = grow(e.texts[kind], e.n)
		}
		for i, t := range from {
			if g, ok := ordinal(groups, i); ok && t.has {
				e.addText(segment.ValueKind(kind), g, t.s)
			}
		}
	}
	return nil
}

// merge takes in the keys of o.
func (k *keys) merge(groups []uint32, o *keys) {
	for i, key := range o.least {
		g, ok := ordinal(groups, i)
		switch {
		case !ok:
		case key < k.least[g]:
			k.least[g] = key
		case key == math.MaxInt64 && i < len(o.ends) && o.ends[i]:
			k.end(g)
		}
	}
}

// Size implements [Groups]; the texts are those of rows, which others keep too.
func (e *extremes) Size() (n int64) {
	for i := range e.keys {
		n += int64(8*cap(e.keys[i].least) + cap(e.keys[i].ends))
	}
	for i := range e.texts {
		n += int64(textSize * cap(e.texts[i]))
	}
	return n
}

// textSize is about how many bytes a text takes.
const textSize = 48

// Result implements [Groups].
func (e *extremes) Result(group int) (segment.Value, error) { return e.best(group), nil }

// An extreme: 1 byte extremeForm; its value, null if there is none.

// AppendBinary implements [Groups].
func (e *extremes) AppendBinary(dst []byte, group int) ([]byte, error) {
	return segment.AppendValue(append(dst, extremeForm), e.best(group)), nil
}

// MergeBinary implements [Groups].
func (e *extremes) MergeBinary(group int, b []byte) error {
	d, err := open(e.f, b, extremeForm)
	if err != nil {
		return err
	}
	v := readValue(&d)
	if d.Bad() || d.Rest() != "" || e.bools && v.Kind() != segment.BoolValue && !v.IsNull() {
		return malformed(e.f)
	}
	e.addValue(group, v)
	return nil
}
