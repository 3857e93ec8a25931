package query

import (
	"math"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// grouper is groups of a GROUP BY: it numbers them from 0 as they come and adds rows
// to their aggregates, or what other groupers have of the same groups.
type grouper struct {
	x       *executor
	columns []dictionary // of groups, then of starts and, of hopping windows, ends; of counted ones positions
	pairs   []pairing    // of the columns but the first
	shown   [][]uint32   // by column, of which value a group shows; nil where a class is one value
	sums    []summing
	groups  int
	held    int64 // bytes
	most    int64 // bytes, beyond which groups go to disk

	starter func(dst, times []int64)
	even    aggregate.Even // in place of a starter, if its size is not 0
	starts  []int64
	ends    []int64
	sel     []uint16   // with a row for each window that it is in
	codes   [][]uint32 // by column, the numbers of the values of rows
	ords    []uint32   // the groups of rows
	next    []uint32
	spans   []aggregate.Span
}

// newGrouper is a grouper without groups.
func (x *executor) newGrouper() (*grouper, error) {
	n := len(x.groups)
	switch x.window.kind {
	case noWindow:
	case hopWindow, countedWindow:
		n += 2
	default:
		n++
	}
	g := &grouper{x: x, columns: make([]dictionary, n), pairs: make([]pairing, max(n-1, 0)),
		shown: make([][]uint32, n), codes: make([][]uint32, n), most: x.limitBytes / 2 / int64(x.workers)}
	if w, ok := x.windows.(aggregate.Aligned); ok {
		if g.even, ok = aggregate.EvenOf(w); !ok {
			g.starter = w.Starter()
		}
	}
	for i, a := range x.aggregates {
		f, err := a.function()
		if err != nil {
			return nil, err
		}
		s := summing{aggregation: a, f: f, groups: x.fit.keeps(i, f).Groups(0)}
		s.ordered = f.Laws().Class == aggregate.Ordered
		s.placed = a.placed()
		s.from = g.shared(&s)
		g.sums = append(g.sums, s)
	}
	if n == 0 {
		g.grow(1)
	}
	return g, nil
}

// shared is the number of the aggregate that keeps what s needs: one before it, over
// the same rows, or its own.
func (g *grouper) shared(s *summing) int {
	for i := range g.sums {
		o := &g.sums[i]
		like := *s.aggregation
		like.kind = o.kind
		if o.from == i && aggregate.Shares(o.f, s.f) && like.equal(o.aggregation) {
			return i
		}
	}
	return len(g.sums)
}

// grow makes it n groups.
func (g *grouper) grow(n int) {
	if n > g.groups {
		g.groups = n
		for i := range g.sums {
			g.sums[i].groups.Grow(n)
		}
	}
}

// windowOf is the window of package aggregate; nil for none.
func (p *plan) windowOf() aggregate.Window {
	w := p.window
	switch w.kind {
	case tumbleWindow:
		return aggregate.Tumbling{Size: w.size, Offset: w.by % w.size}
	case hopWindow:
		return aggregate.Hopping{Size: w.size, Slide: w.by}
	case sessionWindow:
		return aggregate.Session{Gap: w.size}
	case slidingWindow:
		return aggregate.Sliding{Size: w.size}
	case countedWindow:
		return aggregate.Counted{N: int64(w.n)}
	case calendarWindow:
		return aggregate.Calendar{Unit: w.unit, N: w.n, Zone: p.zone}
	}
	return nil
}

// add takes in the rows of a batch.
func (g *grouper) add(b *batch) error {
	sel, err := g.assign(b)
	if err != nil || count(sel, b.n) == 0 {
		return err
	}
	if err := g.number(b, sel, g.x.groups); err != nil {
		return err
	}
	ords := g.ords
	if len(g.columns) == 0 {
		ords = nil
	}
	if err := g.sum(b, sel, ords); err != nil {
		return err
	}
	g.hold()
	return nil
}

// assign finds the windows of rows, and is the rows once for each.
func (g *grouper) assign(b *batch) ([]uint16, error) {
	w := g.x.windows
	if w == nil {
		return b.sel, nil
	}
	c, err := b.column(g.x.timeSlot)
	if err != nil {
		return nil, err
	}
	g.starts, g.ends = g.starts[:0], g.ends[:0]
	if b.sel == nil && c.whole() {
		g.starts = append(g.starts, c.Ints...)
	} else {
		for _, i := range b.rows(b.sel) {
			g.starts = append(g.starts, c.Value(int(i)).Nanos())
		}
	}
	if g.starter != nil {
		g.starter(g.starts, g.starts)
	}
	if h, ok := w.(aggregate.Hopping); ok {
		return g.hop(h, b.rows(b.sel)), nil
	}
	if _, ok := w.(aggregate.Counted); ok {
		return b.sel, g.stand(b)
	}
	// Of sessions and sliding windows the times are the starts; of even windows they are
	// as good when starts are numbered.
	return b.sel, nil
}

// stand makes ends the positions of rows.
func (g *grouper) stand(b *batch) error {
	c, err := b.column(g.x.seqSlot)
	if err != nil {
		return err
	}
	for _, i := range b.rows(b.sel) {
		g.ends = append(g.ends, c.Value(int(i)).Int64())
	}
	return nil
}

func (g *grouper) hop(w aggregate.Hopping, rows []uint16) []uint16 {
	times := slices.Clone(g.starts)
	g.starts, g.sel = g.starts[:0], g.sel[:0]
	for i, t := range times {
		g.spans = w.Assign(g.spans[:0], t)
		for _, s := range g.spans {
			g.starts, g.ends, g.sel = append(g.starts, s.Start), append(g.ends, s.End), append(g.sel, rows[i])
		}
	}
	return g.sel
}

// number makes ords the groups of rows; by is what groups are of, without windows.
func (g *grouper) number(b *batch, sel []uint16, by []*node) error {
	for k := range g.columns {
		d, to := &g.columns[k], g.codes[k][:0]
		switch at := k - len(by); {
		case at < 0:
			c, err := b.vector(by[k], sel)
			if err != nil {
				return err
			}
			to = d.column(to, c, sel, b.n)
		case at == 0 && g.even.Size > 0:
			to = d.windows(to, g.starts, g.x.windows.(aggregate.Aligned), g.even)
		case at == 0:
			to = d.times(to, g.starts)
		default:
			to = d.times(to, g.ends)
		}
		g.codes[k] = to
	}
	g.place()
	return nil
}

// place makes ords the groups of rows, of which codes has the numbers of their values
// in each column.
func (g *grouper) place() {
	had, known := g.groups, 0
	for k := range g.columns {
		d, to := &g.columns[k], g.codes[k]
		if d.classes != nil {
			g.next = g.next[:0]
			for _, code := range to {
				g.next = append(g.next, d.classes[code])
			}
			to = g.next
		}
		if k == 0 {
			g.ords, known = append(g.ords[:0], to...), d.len()
			continue
		}
		p := &g.pairs[k-1]
		p.pairs(g.ords, to, known, d.len())
		known = len(p.left)
	}
	g.grow(known)
	for k := range g.columns {
		if g.columns[k].classes != nil {
			g.show(k, had)
		}
	}
}

// nothing stands for the number of a value that there is not.
const nothing = math.MaxUint32

// show makes groups show the values of rows in a column with floats. had is how many
// groups there were before these rows.
func (g *grouper) show(k, had int) {
	d, shown := &g.columns[k], g.shown[k]
	if shown == nil {
		shown = g.codesOf(k, had) // each class had one value so far
	}
	for len(shown) < g.groups {
		shown = append(shown, nothing)
	}
	for i, code := range g.codes[k] {
		if s := &shown[g.ords[i]]; *s == nothing {
			*s = code
		} else if *s != code {
			*s = d.shown(*s, code)
		}
	}
	g.shown[k] = shown
}

// codesOf is the numbers of the values that the first groups show in a column.
func (g *grouper) codesOf(k, groups int) []uint32 {
	if g.shown[k] != nil {
		return g.shown[k]
	}
	codes := make([]uint32, groups)
	for i := range codes {
		codes[i] = uint32(i)
	}
	for at := len(g.columns) - 1; at > 0 && at >= k; at-- {
		from := g.pairs[at-1].left
		if at == k {
			from = g.pairs[at-1].right
		}
		for i, c := range codes {
			codes[i] = from[c]
		}
	}
	return codes
}

// times appends the numbers of times.
func (d *dictionary) times(dst []uint32, times []int64) []uint32 {
	if len(times) == 0 {
		return dst
	}
	last := times[0]
	number := d.bit(segment.TimeValue, uint64(last))
	for _, t := range times {
		if t != last {
			last, number = t, d.bit(segment.TimeValue, uint64(t))
		}
		dst = append(dst, number)
	}
	return dst
}

// windows appends the numbers of the starts of the windows that times are in, which
// are even.
func (d *dictionary) windows(dst []uint32, times []int64, w aggregate.Aligned, even aggregate.Even) []uint32 {
	var start int64 // of the last window; as long as times stay in it no division is needed
	number := uint32(nothing)
	for _, t := range times {
		if number != nothing && uint64(t-start) < uint64(even.Size) {
			dst = append(dst, number)
			continue
		}
		i := even.Index(t)
		start = i*even.Size + even.Offset
		if at := uint64(i - d.lowest); at < uint64(len(d.cells)) && d.cells[at] != 0 {
			number = d.cells[at] - 1
		} else {
			number = d.bit(segment.TimeValue, uint64(spanOf(w, even, t, start).Start))
			d.cell(i, number)
		}
		dst = append(dst, number)
	}
	return dst
}

// spanOf is the window of t, which begins at start if windows do not end where times do.
func spanOf(w aggregate.Aligned, even aggregate.Even, t, start int64) aggregate.Span {
	const far = 1 << 61
	if even.Size <= 0 || even.Size > far || start < -far || start > far {
		return w.At(t)
	}
	return aggregate.Span{Start: start, End: start + even.Size}
}

// cellsMost is how many windows the array may have.
const cellsMost = 1 << 18

// cell notes the number of a window, unless it is too far off the others.
func (d *dictionary) cell(window int64, number uint32) {
	if window < math.MinInt64/4 || window > math.MaxInt64/4 {
		return
	}
	if len(d.cells) == 0 {
		d.lowest = window
	}
	lo, hi := min(d.lowest, window), max(d.lowest+int64(len(d.cells)), window+1)
	if hi-lo > cellsMost {
		return
	}
	if n := int64(len(d.cells)); hi-lo > n {
		cells := make([]uint32, min(max(2*(hi-lo), 512), cellsMost))
		if lo < d.lowest { // the next ones may lie as far before
			lo = hi - int64(len(cells))
		}
		copy(cells[d.lowest-lo:], d.cells)
		d.lowest, d.cells = lo, cells
	}
	d.cells[window-d.lowest] = number + 1
}

// hold counts the memory of groups, about.
func (g *grouper) hold() {
	size := int64(0)
	for i := range g.columns {
		size += g.columns[i].size() + int64(4*cap(g.shown[i]))
	}
	for i := range g.pairs {
		size += g.pairs[i].size()
	}
	for i := range g.sums {
		size += g.sums[i].groups.Size()
	}
	g.x.note(size - g.held)
	g.held = size
}

// end is the end of the window that starts there.
func (g *grouper) end(start int64) int64 {
	if w, ok := g.x.windows.(aggregate.Aligned); ok {
		return spanOf(w, g.even, start, start).End
	}
	return math.MaxInt64
}
