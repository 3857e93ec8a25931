package segment

import (
	"fmt"
	"slices"
)

// PositionCursor gives rows in the order of their positions, a window at a time.
// It has one user at a time.
//
// Rows stand in another order, so they are read a window at a time, in the file's
// order, and kept encoded until it is their turn. Which rows those are is found for
// many windows at once by one pass over the column of positions, or, where few
// rows are wanted, by a look at each one's. A window is as many positions as it
// has room for rows, and wider as long as few of them are wanted: so whatever is
// wanted memory is that of a window of events and some bytes for each row of the
// windows found, and passes are few.
type PositionCursor struct {
	s    *Sealed
	err  error
	want *Selected // nil: every row
	test *tester

	next, to uint64

	// What the last pass found: windows of the positions first to end, less one,
	// and in each the rows, in their order, with their positions in the window.
	first, end uint64
	shift      int // windows have windowRows << shift positions
	found      int // rows
	picks      [windowCount][]pick

	rows  []SealedRow
	ranks []uint32
	text  []byte
}

const (
	windowRows  = 1 << 14 // the most rows of a window
	windowCount = 64
	widest      = 12 // the greatest shift: a place in a window fits a pick
)

// pick is a row and its place in its window, in one word.
type pick uint64

func (p pick) row() uint64 { return uint64(p >> 32) }
func (p pick) place() int  { return int(uint32(p)) }

// ByPosition is a cursor over the rows at the positions from to to, both included.
func (s *Sealed) ByPosition(from, to uint64) *PositionCursor {
	_, err := s.opened()
	return &PositionCursor{s: s, err: err, next: max(from, s.info.First), to: min(to, s.info.Last), found: windowRows * windowCount}
}

// ByPosition is a cursor over those of the rows that are at the positions from to
// to, both included.
func (c *Selected) ByPosition(from, to uint64) *PositionCursor {
	p := c.s.ByPosition(from, to)
	p.want, p.test = c, c.tester()
	return p
}

// At is the position from which on the next window has rows. Behind the last
// position asked for there are no more.
func (c *PositionCursor) At() uint64 { return c.next }

// Next is the rows of the next window, perhaps none. They are valid until the next
// call, their texts for ever, and their fields are encoded.
func (c *PositionCursor) Next() ([]SealedRow, error) {
	if c.err != nil || c.next > c.to {
		return nil, c.err
	}
	if c.next >= c.end {
		if c.err = c.find(); c.err != nil {
			return nil, c.err
		}
	}
	i := (c.next - c.first) >> c.shift / windowRows
	end := min(c.end, c.first+(i+1)<<c.shift*windowRows)
	if c.err = c.read(c.picks[i], int(end-c.next)); c.err != nil {
		return nil, c.err
	}
	c.next = end
	return c.rows, nil
}

// find picks the rows of the next windows, which are wider where those before were
// nearly empty, and less wide where one would have too many rows.
func (c *PositionCursor) find() error {
	if c.found < windowRows*windowCount/4 {
		c.shift = min(c.shift+2, widest)
	}
	for ; ; c.shift -= 2 {
		c.first, c.end = c.next, min(c.next+windowCount*windowRows<<c.shift-1, c.to)+1
		if fits, err := c.pass(); fits || err != nil {
			return err
		}
	}
}

// pass picks the rows at the positions first to end, less one. It gives up when a
// window has too many.
func (c *PositionCursor) pass() (fits bool, err error) {
	d := c.s.directory.Load()
	zones, err := c.s.zonesOf(colSeq)
	if err != nil {
		return false, err
	}
	c.found = 0
	for i := range c.picks {
		c.picks[i] = c.picks[i][:0]
	}
	var seqs [blockRows]int64
	var near [blockRows]uint16
	for b := range zones {
		if uint64(zones[b].min) >= c.end || uint64(zones[b].max) < c.first {
			continue
		}
		p, err := c.s.must(d, rowTable, b, colSeq)
		if err != nil {
			return false, err
		}
		rows, err := c.wanted(b, p, &seqs, near[:0])
		if err != nil {
			return false, err
		}
		c.found += len(rows)
		for _, i := range rows {
			at := uint64(seqs[i]) - c.first
			w := &c.picks[at>>c.shift/windowRows]
			*w = append(*w, pick((uint64(b)*blockRows+uint64(i))<<32|at&(windowRows<<c.shift-1)))
			if len(*w) > windowRows && c.shift > 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// wanted is the rows of a block that are at positions first to end, less one, and
// wanted. It puts their positions into seqs and the rows, perhaps, behind near.
func (c *PositionCursor) wanted(b int, p *page, seqs *[blockRows]int64, near []uint16) ([]uint16, error) {
	n := p.ints.len()
	have := n
	if c.want != nil {
		have = c.want.in(b)
	}
	far := func(i uint16) bool { return uint64(seqs[i])-c.first >= c.end-c.first }
	switch {
	case have == 0:
		return nil, nil
	case c.want != nil && have < fewRows:
		near = c.want.few(b, near)
		for _, i := range near {
			seqs[i] = p.ints.at(int(i))
		}
		near = slices.DeleteFunc(near, far)
	default:
		p.ints.slice(seqs[:n], 0)
		for i := range uint16(n) {
			if !far(i) {
				near = append(near, i)
			}
		}
		if have < n {
			near = slices.DeleteFunc(near, func(i uint16) bool { return !c.want.rows.Contains(uint32(b)*blockRows + uint32(i)) })
		}
	}
	if c.want == nil {
		return near, nil
	}
	return c.want.among(c.test, b, near)
}

// few appends the rows of a block that may be wanted.
func (c *Selected) few(b int, rows []uint16) []uint16 {
	from := uint32(b) * blockRows
	it := c.rows.Iterator()
	for it.AdvanceIfNeeded(from); it.HasNext() && it.PeekNext()-from < blockRows; {
		rows = append(rows, uint16(it.Next()-from))
	}
	return rows
}

// read makes rows those of a window of n positions.
func (c *PositionCursor) read(picks []pick, n int) error {
	if c.want == nil && len(picks) != n {
		return c.bad(fmt.Sprintf("%d rows for the positions %d to %d", len(picks), c.next, c.next+uint64(n)-1))
	}
	if err := c.rank(picks, n); err != nil {
		return err
	}
	c.rows = slices.Grow(c.rows[:0], len(picks))[:len(picks)]
	clear(c.rows)
	if err := c.fill(picks); err != nil {
		return err
	}
	if len(picks) == n {
		for i := range c.rows {
			if c.rows[i].Seq != c.next+uint64(i) {
				return c.bad(fmt.Sprintf("no row has position %d", c.next+uint64(i)))
			}
		}
	}
	return nil
}

func (c *PositionCursor) bad(cause string) error { return c.s.corrupt(0, cause) }

// rank finds the place of each row among those of a window of n positions.
func (c *PositionCursor) rank(picks []pick, n int) error {
	c.ranks = slices.Grow(c.ranks[:0], len(picks))[:len(picks)]
	if len(picks) == n { // each position has its row
		for i, p := range picks {
			c.ranks[i] = uint32(p.place())
		}
		return nil
	}
	order := make([]uint64, len(picks))
	for i, p := range picks {
		order[i] = uint64(p.place())<<32 | uint64(i)
	}
	slices.Sort(order)
	for rank, o := range order {
		if rank > 0 && o>>32 == order[rank-1]>>32 {
			return c.bad(fmt.Sprintf("two rows have position %d", c.next+o>>32))
		}
		c.ranks[uint32(o)] = uint32(rank)
	}
	return nil
}

// fill reads the picked rows block by block.
func (c *PositionCursor) fill(picks []pick) error {
	rows := c.s.Rows(0)
	if rows.err != nil {
		return rows.err
	}
	for done := 0; done < len(picks); {
		block, n := picks[done].row()/blockRows, 1
		for done+n < len(picks) && picks[done+n].row()/blockRows == block {
			n++
		}
		for i := done; i < done+n; i++ {
			r, err := rows.pick(picks[i].row(), n < fewRows)
			if err != nil {
				return err
			}
			o := &c.rows[c.ranks[i]]
			*o = *r
			o.listed, o.list = false, nil
			c.keep(o, r.list)
		}
		done += n
	}
	return nil
}

// keep copies the texts of a row into the window's memory, and its fields encoded.
func (c *PositionCursor) keep(o *SealedRow, list Fields) {
	const piece = 256 << 10
	need := len(o.Key) + len(o.Type) + len(o.ID) + 2
	for i := range list {
		need += textBound(list[i].Name) + 1 + 10 + len(list[i].Value.text)
	}
	if cap(c.text)-len(c.text) < need {
		c.text = make([]byte, 0, max(need, piece))
	}
	o.Key, c.text = keep(c.text, o.Key)
	o.Type, c.text = keep(c.text, o.Type)
	o.ID, c.text = keep(c.text, o.ID)
	start := len(c.text)
	c.text = AppendFields(c.text, list)
	o.fields = viewString(c.text[start:])
}
