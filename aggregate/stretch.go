package aggregate

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/annalsdb/annals/segment"
)

// Edges are the ends of a window and the rows next to it, with which what was
// gathered in between is settled when it is read: the value that stood at Start,
// the line that crosses End.
type Edges struct {
	Start, End int64 // ns since 1970 UTC; all rows are in [Start, End)

	// Before is the last row before Start, nil if there is none. For functions
	// with a limit to how long a value stands, its Time is that of the last row
	// or heartbeat that showed its source alive.
	Before *Row
	// After is the first row at or behind End, nil if there is none; only lines
	// need it.
	After *Row
}

// Spanned is implemented by the Groups of functions of class [Ordered], whose
// value over a window depends on its ends and neighbours. Result is the value
// from the group's first row to its last.
type Spanned interface {
	Groups
	ResultIn(group int, e Edges) (segment.Value, error)
	// Next is what the group is to its neighbours: given its own Before and After,
	// those of a window that begins where the group's ends, and of one that ends
	// where it begins.
	Next(group int, before, after *Row) (nextBefore, nextAfter *Row, err error)
}

// ResultIn is the function's value over a window; the function must be of class
// Ordered.
func (p *Partial) ResultIn(e Edges) (segment.Value, error) {
	g, ok := p.g.(Spanned)
	if !ok {
		return segment.Value{}, fmt.Errorf("%s between edges: its result does not depend on them", p.f)
	}
	return g.ResultIn(0, e)
}

// run is what a function of class Ordered keeps of rows that follow each other.
type run interface {
	// add takes in a row behind all others.
	add(r *Row)
	// join takes in a run that is not empty and is behind all others.
	join(o run)
	// ends are the first and the last row, or places of rows.
	ends() (first, last Row)
	// next is the value that stands behind the run and the one that it begins
	// with, given those before and behind it.
	next(before, after *Row) (nextBefore, nextAfter *Row)
	clone() run
	append(dst []byte) []byte
	// result is the value over the window, or from first row to last if e is
	// nil. The run may be empty.
	result(e *Edges) (segment.Value, error)
}

// orderedFunction makes runs.
type orderedFunction interface {
	Function
	form() byte
	admits(k segment.ValueKind) bool
	newRun() run
	// readRun reads a run that is not empty.
	readRun(d *segment.Decoder) (r run, ok bool)
}

// stretches are the Groups of functions of class Ordered. Rows may come in any
// order: they wait, and are sorted when a result is asked for. What came in order
// row by row, or was decoded, is a run; others join it whole, before or behind.
type stretches struct {
	f      orderedFunction
	groups []stretch
	rows   int // that were waiting
}

type stretch struct {
	waiting []Row
	run     run // nil: none
}

func newStretches(f orderedFunction, n int) *stretches {
	return &stretches{f: f, groups: make([]stretch, n)}
}

func (s *stretches) function() Function { return s.f }

// Len implements [Groups].
func (s *stretches) Len() int { return len(s.groups) }

// Grow implements [Groups].
func (s *stretches) Grow(n int) { s.groups = grow(s.groups, n) }

// Add implements [Groups].
func (s *stretches) Add(groups []uint32, v *Vector) error {
	if !s.f.admits(v.Kind) {
		return refuse(s.f, v.Kind)
	}
	if err := check(groups, v, true); err != nil {
		return err
	}
	for i := range v.Time {
		g := &s.groups[target(groups, i)]
		g.waiting = append(g.waiting, v.row(i))
	}
	s.rows += len(v.Time)
	return nil
}

// append takes in a row behind all others of group 0.
func (s *stretches) append(r Row) error {
	if !s.f.admits(r.Value.Kind()) {
		return refuse(s.f, r.Value.Kind())
	}
	g := &s.groups[0]
	if err := s.settle(g); err != nil {
		return err
	}
	if g.run == nil {
		g.run = s.f.newRun()
	} else if _, last := g.run.ends(); !last.before(&r) {
		return fmt.Errorf("%s: a row of time %d, position %d after one of %d, %d: %w", s.f, r.Time, r.Seq, last.Time, last.Seq, ErrOrder)
	}
	g.run.add(&r)
	return nil
}

// settle makes a run of what waits.
func (s *stretches) settle(g *stretch) error {
	if len(g.waiting) == 0 {
		return nil
	}
	w := g.waiting
	inOrder := func(a, b Row) int {
		switch {
		case a.before(&b):
			return -1
		case b.before(&a):
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(w, inOrder) {
		slices.SortFunc(w, inOrder)
	}
	r := s.f.newRun()
	for i := range w {
		if i > 0 && !w[i-1].before(&w[i]) {
			return fmt.Errorf("%s: two rows of time %d, position %d: %w", s.f, w[i].Time, w[i].Seq, ErrOrder)
		}
		r.add(&w[i])
	}
	if err := s.join(g, r); err != nil {
		return err
	}
	g.waiting = nil
	return nil
}

// join makes r, which it keeps, part of g.
func (s *stretches) join(g *stretch, r run) error {
	if g.run == nil {
		g.run = r
		return nil
	}
	first, last := g.run.ends()
	from, to := r.ends()
	switch {
	case last.before(&from):
		g.run.join(r)
	case to.before(&first):
		r.join(g.run)
		g.run = r
	default:
		return fmt.Errorf("%s: rows of times %d to %d among those of %d to %d: %w", s.f, from.Time, to.Time, first.Time, last.Time, ErrOrder)
	}
	return nil
}

// Merge implements [Groups]. Rows that still wait in both are put together
// whatever their order; otherwise one must lie before the other.
func (s *stretches) Merge(groups []uint32, other Groups) error {
	o, err := same(s, groups, other)
	if err != nil {
		return err
	}
	for i := range o.groups {
		g, ok := ordinal(groups, i)
		if !ok {
			continue
		}
		from, to := &o.groups[i], &s.groups[g]
		if from.run == nil && to.run == nil {
			to.waiting = append(to.waiting, from.waiting...)
			s.rows += len(from.waiting)
			continue
		}
		if err := s.settle(from); err != nil {
			return err
		}
		if err := s.settle(to); err != nil {
			return err
		}
		if from.run != nil {
			if err := s.join(to, from.run.clone()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Result implements [Groups].
func (s *stretches) Result(group int) (segment.Value, error) {
	g := &s.groups[group]
	if err := s.settle(g); err != nil || g.run == nil {
		return segment.Value{}, err
	}
	return g.run.result(nil)
}

// ResultIn implements [Spanned].
func (s *stretches) ResultIn(group int, e Edges) (segment.Value, error) {
	g := &s.groups[group]
	if err := s.settle(g); err != nil {
		return segment.Value{}, err
	}
	if err := e.check(s.f, g.run); err != nil {
		return segment.Value{}, err
	}
	if g.run == nil {
		return s.f.newRun().result(&e)
	}
	return g.run.result(&e)
}

// Next implements [Spanned].
func (s *stretches) Next(group int, before, after *Row) (nextBefore, nextAfter *Row, err error) {
	g := &s.groups[group]
	if err := s.settle(g); err != nil || g.run == nil {
		return before, after, err
	}
	nextBefore, nextAfter = g.run.next(before, after)
	return nextBefore, nextAfter, nil
}

// check reports edges that do not enclose the rows of r.
func (e *Edges) check(f Function, r run) error {
	bad := e.End < e.Start || e.Before != nil && e.Before.Time >= e.Start || e.After != nil && e.After.Time < e.End
	if !bad && r != nil {
		first, last := r.ends()
		bad = first.Time < e.Start || last.Time >= e.End
	}
	if bad {
		return fmt.Errorf("%s over [%d, %d): rows inside or next to it are on the wrong side of its ends: %w", f, e.Start, e.End, ErrOrder)
	}
	return nil
}

// Size implements [Groups]; a run takes no more than the rows that it was made of.
func (s *stretches) Size() int64 { return int64(64*cap(s.groups) + rowSize*s.rows) }

// A stretch: 1 byte, the form of the function; nothing if there are no rows;
// otherwise the run.

// AppendBinary implements [Groups].
func (s *stretches) AppendBinary(dst []byte, group int) ([]byte, error) {
	g := &s.groups[group]
	if err := s.settle(g); err != nil {
		return dst, err
	}
	dst = append(dst, s.f.form())
	if g.run == nil {
		return dst, nil
	}
	return g.run.append(dst), nil
}

// MergeBinary implements [Groups].
func (s *stretches) MergeBinary(group int, b []byte) error {
	d, err := open(s.f, b, s.f.form())
	if err != nil || d.Rest() == "" {
		return err
	}
	r, ok := s.f.readRun(&d)
	if !ok || d.Bad() || d.Rest() != "" {
		return malformed(s.f)
	}
	g := &s.groups[group]
	if err := s.settle(g); err != nil {
		return err
	}
	return s.join(g, r)
}

// Loose is implemented by the Groups of functions of class Ordered. Partial results
// with rows of one among those of the other cannot be merged from their encodings,
// which are of settled rows. These are of rows as they wait, for a partial result
// that is put aside while further rows are added to another one.
type Loose interface {
	Groups
	// AppendLoose appends a group, with its rows in no order.
	AppendLoose(dst []byte, group int) ([]byte, error)
	// MergeLoose takes in what AppendLoose appended.
	MergeLoose(group int, b []byte) error
}

// Loose rows: uvarint their count; each a row, 1 byte: 1 for a heartbeat, else 0.
// Behind them the encoding of the stretch, if there is one.

// AppendLoose implements [Loose].
func (s *stretches) AppendLoose(dst []byte, group int) ([]byte, error) {
	g := &s.groups[group]
	dst = binary.AppendUvarint(dst, uint64(len(g.waiting)))
	for i := range g.waiting {
		dst = append(appendRow(dst, &g.waiting[i]), byte(bit(g.waiting[i].Beat)))
	}
	if g.run == nil {
		return dst, nil
	}
	return g.run.append(append(dst, s.f.form())), nil
}

// MergeLoose implements [Loose].
func (s *stretches) MergeLoose(group int, b []byte) error {
	d := segment.NewDecoder(unsafe.String(unsafe.SliceData(b), len(b)))
	n := d.Uvarint()
	if n > uint64(len(d.Rest())) {
		return malformed(s.f)
	}
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = readRow(&d)
		beat := d.Byte()
		if rows[i].Beat = beat == 1; d.Bad() || beat > 1 || !s.f.admits(rows[i].Value.Kind()) {
			return malformed(s.f)
		}
	}
	if d.Bad() {
		return malformed(s.f)
	}
	if rest := d.Rest(); rest != "" {
		if err := s.MergeBinary(group, []byte(rest)); err != nil {
			return err
		}
	}
	s.groups[group].waiting = append(s.groups[group].waiting, rows...)
	s.rows += len(rows)
	return nil
}

// between is the time from a to b, a not after b.
func between(a, b int64) uint64 { return uint64(b) - uint64(a) }

// A row in an encoding: varint time, uvarint position, value.

func appendRow(dst []byte, r *Row) []byte {
	dst = binary.AppendVarint(dst, r.Time)
	dst = binary.AppendUvarint(dst, r.Seq)
	return segment.AppendValue(dst, r.Value)
}

func readRow(d *segment.Decoder) Row {
	return Row{Time: d.Varint(), Seq: d.Uvarint(), Value: readValue(d)}
}

// isNumber reports whether v is an int64 or a finite float.
func isNumber(v segment.Value) bool {
	f := v.Float64()
	return v.Kind() == segment.Int64Value || v.Kind() == segment.Float64Value && f-f == 0
}

// numeric are the kinds that functions of numbers over time take: nulls too.
func numeric(k segment.ValueKind) bool {
	return k == segment.Int64Value || k == segment.Float64Value || k == segment.NullValue
}
