package aggregate

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Timeline is the events of each group in the order of time, and between them partial
// results of stretches of time that no window of those that are asked for divides. Of it
// windows are joined that cells cannot be of: [Sliding] and [Counted] ones, which depend
// on other events, and [Hopping] ones of functions over time, whose rows must not be
// taken apart. One goroutine may use it at a time; workers have one each and merge them.
//
// It takes some 100 bytes for each event, and 32 for each value.
type Timeline struct {
	p      *Plan
	groups *Cells // has no cells: it numbers groups and reads inputs
	list   []entry
	values []segment.Value // of the events among list, one for each sum
	cells  []*Cells        // that entries are of
}

// entry is an event, or a cell.
type entry struct {
	span  Span // of an event from its time on, 1 ns
	seq   uint64
	group uint32
	beat  bool
	of    int32 // number of its cells; less than 0 for an event
	at    int   // number of the cell, or of the first of its values
}

// isEvent reports whether it is an event, no heartbeat.
func (e *entry) isEvent() bool { return e.of < 0 && !e.beat }

// Timeline is an empty one.
func (p *Plan) Timeline() *Timeline { return &Timeline{p: p, groups: p.Cells()} }

// Across reports whether windows are joined from a [Timeline], not from cells.
func (p *Plan) Across() bool {
	switch w := p.window.(type) {
	case Sliding, Counted:
		return true
	case Hopping:
		return p.ordered && w.Size != w.Slide
	}
	return false
}

// Add takes in the selected rows of a batch that has the columns of the Plan.
// Retractions among them are passed over.
func (t *Timeline) Add(b *segment.Batch) error {
	rows, beats, err := t.groups.kinds(b)
	if err != nil {
		return err
	}
	if rows == nil || len(rows) > 0 {
		err = t.add(b, rows, false)
	}
	if err == nil && len(beats) > 0 {
		err = t.add(b, beats, true)
	}
	return err
}

func (t *Timeline) add(b *segment.Batch, rows []uint16, beats bool) error {
	times, err := b.Column(t.p.fixed.time)
	if err != nil {
		return err
	}
	seqs, err := b.Column(t.p.fixed.seq)
	if err != nil {
		return err
	}
	n := chosen(b.Rows, rows)
	groups := slices.Grow(t.groups.scratch.groups[:0], n)[:n]
	t.groups.scratch.groups = groups
	if err := t.groups.number(b, rows); err != nil {
		return err
	}
	first := len(t.values)
	t.values = append(t.values, make([]segment.Value, n*len(t.p.sums))...)
	for j := range n {
		i := at(rows, j)
		at := times[0].Ints[i]
		t.list = append(t.list, entry{span: Span{at, add(at, 1)}, seq: uint64(seqs[0].Ints[i]),
			group: groups[j], beat: beats, of: -1, at: first + j*len(t.p.sums)})
	}
	if beats {
		return nil
	}
	return t.read(b, rows, first)
}

// read reads the values of rows, those of the first from a number on.
func (t *Timeline) read(b *segment.Batch, rows []uint16, first int) error {
	to := make([]int, b.Rows) // by row, less 1
	for j := range chosen(b.Rows, rows) {
		to[at(rows, j)] = first + j*len(t.p.sums) + 1
	}
	for k := range t.p.sums {
		if t.p.sums[k].Of.isZero() {
			continue
		}
		parts, err := t.groups.input(b, t.p.sums[k].Of, rows)
		if err != nil {
			return err
		}
		for n := range parts {
			for i := range valuesOf(&parts[n], b.Rows) {
				if at := to[rowOf(&parts[n], i)]; at > 0 {
					t.values[at-1+k] = valueOf(&parts[n], i)
				}
			}
		}
	}
	return nil
}

// valueOf is value i of a column.
func valueOf(p *segment.FieldColumn, i int) segment.Value {
	switch p.Kind {
	case segment.NullValue:
		return segment.NullOf()
	case segment.Float64Value:
		return segment.Float64Of(p.Floats[i])
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return segment.FromText(p.Kind, p.Texts.At(i))
	}
	return segment.FromInt(p.Kind, p.Ints[i])
}

// Place takes in those cells of [Plan.Kept] or [Plan.Whole], which are not changed any
// more, that span is true of: each as what there is of its group in a span of time.
func (t *Timeline) Place(c *Cells, span func(cell *Cell) (Span, bool)) {
	groups := map[uint32]uint32{}
	for i := range c.list {
		cell := &c.list[i]
		if cell.Rows == 0 || cell.Gone {
			continue
		}
		s, ok := span(cell)
		if !ok {
			continue
		}
		group, ok := groups[cell.group]
		if !ok {
			group = t.groups.groupOf(c.groupValues(cell.group))
			groups[cell.group] = group
		}
		t.list = append(t.list, entry{span: s, group: group, of: int32(len(t.cells)), at: i})
	}
	t.cells = append(t.cells, c)
}

// PlaceAll is Place of all cells, each as what there is in its window.
func (t *Timeline) PlaceAll(c *Cells) {
	t.Place(c, func(cell *Cell) (Span, bool) { return cell.Window, true })
}

// Merge takes in the events of o, of the same plan, which has no cells.
func (t *Timeline) Merge(o *Timeline) {
	groups := map[uint32]uint32{}
	first := len(t.values)
	t.values = append(t.values, o.values...)
	for _, e := range o.list {
		group, ok := groups[e.group]
		if !ok {
			group = t.groups.groupOf(o.groups.groupValues(e.group))
			groups[e.group] = group
		}
		e.group = group
		e.at += first
		t.list = append(t.list, e)
	}
}

// Gather takes in the events of a source in some stretches of time.
func (t *Timeline) Gather(ctx context.Context, src Source, times []Span) error {
	if len(times) == 0 {
		return nil
	}
	q := Scan{Stream: t.p.def.Stream, Columns: t.p.columns, Workers: runtime.GOMAXPROCS(0)}
	var during index.Predicate
	if len(times) != 1 || times[0] != allTime {
		during = DuringAny(times)
	}
	q.Where = t.p.where(allTime, during)
	workers := make([]*Timeline, q.Workers)
	for i := range workers {
		workers[i] = t.p.Timeline()
	}
	err := src.ScanColumns(ctx, q, func(worker int, b *segment.Batch) error { return workers[worker].Add(b) })
	if err != nil {
		return err
	}
	for _, o := range workers {
		t.Merge(o)
	}
	return nil
}

// sort puts the entries in order: by group, in which groups are told apart as results
// have them, and by (Time, Seq).
func (t *Timeline) sort() {
	n := uint32(0)
	for i := range t.list {
		n = max(n, t.list[i].group+1)
	}
	values := make([][]segment.Value, n)
	order := make([]uint32, n)
	for g := range order {
		order[g] = uint32(g)
		values[g] = t.groups.groupValues(uint32(g))
	}
	slices.SortFunc(order, func(a, b uint32) int { return compareGroups(values[a], values[b]) })
	rank := make([]uint32, n)
	for r, g := range order {
		rank[g] = uint32(r)
	}
	slices.SortFunc(t.list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(rank[a.group], rank[b.group]), cmp.Compare(a.span.Start, b.span.Start), cmp.Compare(a.seq, b.seq))
	})
}

// Kept is the plan of the cells that are to be kept of the definition: the plan itself
// or, where windows lie across each other, one of shorter windows side by side, of whose
// cells and of events a [Timeline] joins them.
//
// Of sliding windows that is a 64th of their size or less, so that what is left at their
// ends are few events, but a minute at least. Of counted ones, and of functions over time
// in sliding ones, it is how many events there are, by the hour: which events stand in a
// window can be told from that, their values are read from the events.
func (p *Plan) Kept() *Plan {
	if !p.Across() {
		return p
	}
	d := p.def
	switch w := p.window.(type) {
	case Hopping:
		step := gcd(int64(w.Size), int64(w.Slide))
		d.Window = Tumbling{Size: time.Duration(step), Offset: time.Duration(int64(w.Offset) % step)}
	case Sliding:
		d.Window = Tumbling{Size: granule(w.Size)}
	}
	if p.Counts() {
		d.Window = Tumbling{Size: time.Hour}
		d.Measures = []Measure{{Name: "rows", Function: Count{Rows: true}}}
	}
	return newPlan(d)
}

// Counts reports whether what is kept is how many events there are, no values.
func (p *Plan) Counts() bool {
	_, counted := p.window.(Counted)
	_, slides := p.window.(Sliding)
	return counted || slides && p.ordered
}

// Slides reports whether windows are sliding ones, and of which size.
func (p *Plan) Slides() (size int64, ok bool) {
	s, ok := p.window.(Sliding)
	return int64(s.Size), ok
}

// granule is how long the windows are that sliding ones of a size are joined from.
func granule(size time.Duration) time.Duration {
	long := time.Minute
	for _, w := range levels {
		if t, ok := w.(Tumbling); ok && t.Size <= size/64 {
			long = t.Size
		}
	}
	return max(long, time.Minute)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Parts is what windows that begin in reach are joined from: the times of their events,
// and, of these, a stretch whose events need not be told apart. It lies in all of the
// windows or, of counted ones, before all.
func (p *Plan) Parts(reach Span) (events, whole Span) {
	switch w := p.window.(type) {
	case Sliding:
		events = Span{reach.Start, add(reach.End, int64(w.Size)-1)}
		if reach.Start != math.MinInt64 && reach.End != math.MaxInt64 && !p.ordered {
			whole = Span{reach.End - 1, add(reach.Start, int64(w.Size))}
		}
	case Counted:
		events = allTime
		if !p.ordered {
			whole = Span{math.MinInt64, reach.Start}
		}
	}
	if p.ordered {
		events = allTime // the value that stands at the start is of any time before
	}
	return events, whole
}
