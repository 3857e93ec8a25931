package aggregate

import (
	"errors"
	"fmt"
	"math"

	"github.com/annalsdb/annals/segment"
)

// Function is one aggregate function with its settings. It is a plain value:
// immutable, safe for concurrent use, the same as another when String is.
type Function interface {
	// String is the function as a query writes it, settings included:
	// "sum", "quantile(0.99, 0.01)". What was maintained under another String
	// is of another function.
	String() string
	// Laws says what may be done with its partial results.
	Laws() Laws
	// Groups are n empty partial results, side by side.
	Groups(n int) Groups
}

// Laws are what a function promises, and what its tests hold it to.
type Laws struct {
	Class Class

	// Inverts: rows and partial results can be taken away again; its Groups
	// are an [Inverse].
	Inverts bool

	// Ordered: only results over stretches of rows that do not overlap, in the
	// order of the rows, can be merged. Others can be in any order and grouping.
	Ordered bool

	// Error is the greatest relative error of a result, 0 for an exact one; for
	// a distinct sketch it is the standard error.
	Error float64
}

// Class is how the partial results of a function combine.
type Class uint8

// The classes.
const (
	Group       Class = iota // adding: count, sum, variance, buckets of a sketch
	Semilattice              // joining, where twice is once: min, max, first, distinct sketch
	Ordered                  // stretches that follow each other: increase, integrals, times
	Holistic                 // all values with their counts: exact distinct, top-k
)

// String is the class's name.
func (c Class) String() string {
	return [...]string{"group", "semilattice", "ordered", "holistic"}[c]
}

// Groups are partial results of one function, one for each group. Groups are
// numbered from 0 (their ordinal). All methods take a slice of ordinals as long
// as what they add, or nil, which stands for group 0 everywhere in Add and for
// group i of the other in Merge. An ordinal not below Len panics as an index
// out of range does.
//
// After an error nothing is changed, but for Merge and MergeBinary of values
// that contradict each other, which may have merged some groups. One goroutine
// may use it at a time; workers have one each and merge them.
type Groups interface {
	// Len is how many groups there are.
	Len() int
	// Grow makes it at least n groups; the new ones are empty.
	Grow(n int)
	// Add takes rows in. It keeps the texts of v, nothing else.
	Add(groups []uint32, v *Vector) error
	// Merge takes in group i of o as part of group groups[i], unless that is
	// [Nowhere]. o must come from an equal function; it may still be used, but
	// not changed, afterwards, and several may take in parts of it at once.
	Merge(groups []uint32, o Groups) error
	// AppendBinary appends the partial result of one group. Equal content gives
	// equal bytes, however it came together.
	AppendBinary(dst []byte, group int) ([]byte, error)
	// MergeBinary takes in what AppendBinary appended. Of bytes that it did not
	// append it reports an error.
	MergeBinary(group int, b []byte) error
	// Result is the function's value over what the group has taken in: null
	// where that is nothing, unless the function says otherwise.
	Result(group int) (segment.Value, error)
	// Size is about how many bytes of memory the partial results take. O(1).
	Size() int64
}

// Nowhere stands in place of an ordinal for a group that Merge leaves out.
const Nowhere = math.MaxUint32

// Inverse is implemented by the Groups of functions that invert. After taking
// away what was added the result and the encoding are, bit for bit, as if it had
// never been there. What was never added can be taken away before it is added;
// a Result meanwhile is an error or as meaningless as a negative count.
type Inverse interface {
	Groups
	// Remove takes rows away.
	Remove(groups []uint32, v *Vector) error
	// Subtract takes away group i of o from group groups[i].
	Subtract(groups []uint32, o Groups) error
}

// Vector is a column of values of one kind. A column that holds several kinds
// is one Vector for each, and rows with a null are in none, or in one of kind
// null where they matter: to count(*) and to time in state.
type Vector struct {
	Kind   segment.ValueKind
	Ints   []int64   // bool (0, 1), int64 and time (ns since 1970 UTC)
	Floats []float64 // float64
	Texts  []string  // string, bytes and JSON
	Nulls  int       // how many there are of kind null

	// Beats says of a Vector of nulls that its rows are heartbeats: they carry
	// no value and leave the one before standing.
	Beats bool

	// Where the rows stand: functions for which Laws().Class is Ordered, first
	// and last need both, as long as the values; others look at neither. The
	// order of rows is that of (Time, Seq).
	Time []int64 // ns since 1970 UTC
	Seq  []int64
}

// Len is the number of rows.
func (v *Vector) Len() int {
	switch v.Kind {
	case segment.BoolValue, segment.Int64Value, segment.TimeValue:
		return len(v.Ints)
	case segment.Float64Value:
		return len(v.Floats)
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return len(v.Texts)
	}
	return v.Nulls
}

// value is row i.
func (v *Vector) value(i int) segment.Value {
	switch v.Kind {
	case segment.BoolValue, segment.Int64Value, segment.TimeValue:
		return segment.FromInt(v.Kind, v.Ints[i])
	case segment.Float64Value:
		return segment.Float64Of(v.Floats[i])
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return segment.FromText(v.Kind, v.Texts[i])
	}
	return segment.NullOf()
}

// row is row i with its place.
func (v *Vector) row(i int) Row {
	return Row{v.Time[i], uint64(v.Seq[i]), v.value(i), v.Beats}
}

// Row is one value and where it stands.
type Row struct {
	Time  int64 // ns since 1970 UTC
	Seq   uint64
	Value segment.Value
	Beat  bool // a heartbeat: no value, the one before stands
}

// before reports whether r stands before o.
func (r *Row) before(o *Row) bool { return r.Time < o.Time || r.Time == o.Time && r.Seq < o.Seq }

// The errors that callers act on.
var (
	// ErrKind: the function does not take values of that kind.
	ErrKind = errors.New("values of this kind cannot be aggregated so")
	// ErrOverflow: the result does not fit its type.
	ErrOverflow = errors.New("result does not fit an int64")
	// ErrOrder: rows or partial results that overlap in time cannot be joined.
	ErrOrder = errors.New("rows are out of order")
	// ErrFunction: partial results of different functions cannot be joined.
	ErrFunction = errors.New("partial result of another function")
	// ErrEncoding: the bytes are no partial result.
	ErrEncoding = errors.New("partial result is malformed")
	// ErrRemoved: more was taken away than had been added.
	ErrRemoved = errors.New("more was taken away than was added")
)

// check reports whether groups, v and its places fit together.
func check(groups []uint32, v *Vector, placed bool) error {
	n := v.Len()
	switch {
	case v.Kind > segment.JSONValue:
		return fmt.Errorf("add %d rows of %s: %w", n, v.Kind, ErrKind)
	case groups != nil && len(groups) != n:
		return fmt.Errorf("add %d rows of %s: %d group ordinals", n, v.Kind, len(groups))
	case placed && (len(v.Time) != n || len(v.Seq) != n):
		return fmt.Errorf("add %d rows of %s: %d times and %d positions; the order of the rows matters", n, v.Kind, len(v.Time), len(v.Seq))
	}
	return nil
}

// refuse is the error of a function that is given values of kind k.
func refuse(f Function, k segment.ValueKind) error {
	return fmt.Errorf("%s of %s: %w", f, k, ErrKind)
}

// same is o as the Groups that f makes, an error if another function made it or
// groups does not fit it.
func same[G interface {
	comparable
	Groups
	function() Function
}](g G, groups []uint32, o Groups) (G, error) {
	other, ok := o.(G)
	switch {
	case !ok:
		return other, fmt.Errorf("merge %s: %w", g.function(), ErrFunction)
	case other == g:
		return other, fmt.Errorf("merge %s: its groups cannot be merged into themselves", g.function())
	case other.function().String() != g.function().String():
		return other, fmt.Errorf("merge %s into %s: %w", other.function(), g.function(), ErrFunction)
	case groups != nil && len(groups) != other.Len():
		return other, fmt.Errorf("merge %s: %d ordinals for %d groups", g.function(), len(groups), other.Len())
	case groups == nil && other.Len() > g.Len():
		return other, fmt.Errorf("merge %s: %d groups into %d; Grow first", g.function(), other.Len(), g.Len())
	}
	return other, nil
}

// ordinal is the group that i is part of; ok is false if it is left out.
func ordinal(groups []uint32, i int) (group int, ok bool) {
	if groups == nil {
		return i, true
	}
	return int(groups[i]), groups[i] != Nowhere
}

// target is the group of row i.
func target(groups []uint32, i int) int {
	if groups == nil {
		return 0
	}
	return int(groups[i])
}

// grow is s with at least n elements; the new ones are zero.
func grow[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n] // never written to beyond len
	}
	t := make([]T, n, max(n, 2*cap(s)))
	copy(t, s)
	return t
}
