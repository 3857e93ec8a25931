package aggregate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Arrivals are events as they came, with the cells that they went to. They move a
// watermark on, which says which of them came late. One batch of a commit is one
// moment: its events are judged by the watermark before it, also where they come in parts.
type Arrivals struct {
	sources dictionary
	names   []string // of sources

	list   []arrival
	placed []placement
	number []int32 // by row of a batch: its arrival

	sourceOf []uint32 // of the rows of a batch
	order    []int32  // arrivals by position
}

// arrival is one event.
type arrival struct {
	seq, recorded, time int64
	source              uint32
	first, last         int32 // in placed, less the one after; those of one event lie side by side
}

// placement is that an event went to a cell.
type placement struct {
	arrival int32
	cell    uint32
}

// Take is Add, and notes in a what came. A window of From and To leaves out cells,
// never arrivals.
func (c *Cells) Take(b *segment.Batch, a *Arrivals) error {
	if err := a.note(c, b); err != nil {
		return err
	}
	_, err := c.add(b, func(to placed) error {
		for j, cell := range to.cells {
			a.placed = append(a.placed, placement{a.number[at(to.rows, j)], cell})
		}
		return nil
	})
	return err
}

// note notes the selected events of a batch that are no retractions.
func (a *Arrivals) note(c *Cells, b *segment.Batch) error {
	var fixed [4][]int64
	for i, slot := range [...]int{c.p.fixed.kind, c.p.fixed.seq, c.p.fixed.recorded, c.p.fixed.time} {
		parts, err := b.Column(slot)
		if err != nil {
			return err
		}
		fixed[i] = parts[0].Ints
	}
	n := chosen(b.Rows, b.Selected)
	a.sourceOf = slices.Grow(a.sourceOf[:0], n)[:n]
	if in := c.p.def.Watermark.Source; !in.isZero() {
		parts, err := c.input(b, in, b.Selected)
		if err != nil {
			return err
		}
		a.sources.column(a.sourceOf, b.Rows, b.Selected, parts)
	} else {
		clear(a.sourceOf)
	}
	a.number = slices.Grow(a.number[:0], b.Rows)[:b.Rows]
	if cap(a.list)-len(a.list) < n {
		a.list = slices.Grow(a.list, max(n, len(a.list))) // append would copy a million five times
	}
	for j := range n {
		i := at(b.Selected, j)
		if segment.Kind(fixed[0][i]) == segment.Retraction {
			continue
		}
		a.number[i] = int32(len(a.list))
		a.list = append(a.list, arrival{seq: fixed[1][i], recorded: fixed[2][i], time: fixed[3][i], source: a.sourceOf[j]})
	}
	return nil
}

// Cells is the numbers of the cells that what came went to.
func (a *Arrivals) Cells() []int {
	cells := map[uint32]bool{}
	for _, p := range a.placed {
		cells[p.cell] = true
	}
	list := make([]int, 0, len(cells))
	for i := range cells {
		list = append(list, int(i))
	}
	return list
}

// Settle moves w on by what came, in the order of its positions, counts in the cells
// what was late for them, and forgets it.
func (a *Arrivals) Settle(c *Cells, w *Watermark) {
	a.index()
	order := a.inOrder()
	most := map[uint32]int64{}
	for len(order) > 0 {
		now := a.list[order[0]].recorded
		complete := w.moment(now)
		clear(most)
		one, all := a.list[order[0]].source, int64(math.MinInt64)
		for len(order) > 0 && a.list[order[0]].recorded == now {
			e := &a.list[order[0]]
			order = order[1:]
			for _, p := range a.placed[e.first:e.last] {
				if cell := &c.list[p.cell]; c.p.statusOf(cell.Window, 0, complete) == Final {
					cell.Late++
				}
			}
			if e.source == one {
				all = max(all, e.time)
			} else if t, ok := most[e.source]; !ok || e.time > t {
				most[e.source] = e.time
			}
		}
		w.observe(a.name(one), all, now)
		for source, t := range most {
			w.observe(a.name(source), t, now)
		}
		w.Tick(now)
	}
	a.list, a.placed = a.list[:0], a.placed[:0]
}

// inOrder is the numbers of what came, by position. They are put where their positions
// say, of which there are not many more than events: a sort of a million that come from
// the files of history, by key, is half of what it costs to take them in.
func (a *Arrivals) inOrder() []int32 {
	order := slices.Grow(a.order[:0], len(a.list))
	a.order = order
	sorted, first, last := true, int64(math.MaxInt64), int64(math.MinInt64)
	for i := range a.list {
		seq := a.list[i].seq
		sorted = sorted && seq >= last
		first, last = min(first, seq), max(last, seq)
		order = append(order, int32(i))
	}
	if sorted {
		return order
	}
	at := make([]int32, last-first+1) // 1 + the number, 0 for none
	for i := range a.list {
		at[a.list[i].seq-first] = int32(i) + 1
	}
	order = order[:0]
	for _, n := range at {
		if n > 0 {
			order = append(order, n-1)
		}
	}
	return order
}

// index finds where the placements of each event are.
func (a *Arrivals) index() {
	byArrival := func(p, q placement) int { return cmp.Compare(p.arrival, q.arrival) }
	if !slices.IsSortedFunc(a.placed, byArrival) {
		slices.SortStableFunc(a.placed, byArrival)
	}
	for i := 0; i < len(a.placed); {
		e := &a.list[a.placed[i].arrival]
		first := i
		for i < len(a.placed) && &a.list[a.placed[i].arrival] == e {
			i++
		}
		e.first, e.last = int32(first), int32(i)
	}
}

// name is the name of a source.
func (a *Arrivals) name(source uint32) string {
	for len(a.names) <= int(source) {
		name := ""
		if i := len(a.names); i < len(a.sources.values) {
			name = string(segment.AppendValue(nil, a.sources.values[i]))
		}
		a.names = append(a.names, name)
	}
	return a.names[source]
}

// Marks of a watermark
//
//	1 byte, 1 if it has begun; varint complete, now, before, varint count of sources,
//	for each, by name: text name; varint most, mark, heard

// Watermark is one of the definition that nothing has moved yet.
func (m Marks) Watermark() Watermark {
	return Watermark{Bound: m.Bound, Skew: m.Skew, Idle: m.Idle, MaxDelay: m.MaxDelay}
}

// AppendBinary appends where the watermark stands.
func (w *Watermark) AppendBinary(dst []byte) []byte {
	dst = append(dst, byte(bit(w.begun)))
	dst = appendVarints(dst, w.complete, w.now, w.before, int64(len(w.sources)))
	names := make([]string, 0, len(w.sources))
	for name := range w.sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := w.sources[name]
		dst = appendVarints(appendText(dst, name), s.most, s.mark, s.heard)
	}
	return dst
}

func appendVarints(dst []byte, list ...int64) []byte {
	for _, v := range list {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// Decode makes w stand where one stood that appended b.
func (w *Watermark) Decode(b []byte) error {
	d := segment.NewDecoder(string(b))
	begun := d.Byte()
	w.begun, w.complete, w.sources = begun == 1, d.Varint(), map[string]source{}
	w.now, w.before = d.Varint(), d.Varint()
	for n := d.Varint(); n > 0 && !d.Bad(); n-- {
		name := d.Text()
		w.sources[name] = source{most: d.Varint(), mark: d.Varint(), heard: d.Varint()}
	}
	if d.Bad() || d.Rest() != "" || begun > 1 {
		return fmt.Errorf("decode watermark: %w", ErrEncoding)
	}
	return nil
}
