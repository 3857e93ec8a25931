package segment

import "fmt"

// mergeColumn is one column of the output and what it is made from.
type mergeColumn struct {
	kind  ValueKind
	from  []int        // by source: the column there, -1 for none
	pages []*mergePage // by slot, nil as long as there was none
	// The values of the pages by slot, so that a pick is two steps away.
	ints   [][]int64
	floats [][]float64
}

// mergePage is a decoded page of an input.
type mergePage struct {
	vector
	block int
	at    int   // of rows: those before have been picked
	remap remap // of the texts
}

// column adds a column that no source has so far.
func (m *merger) column(kind ValueKind) {
	m.columns = more(m.columns)
	c := &m.columns[len(m.columns)-1]
	c.kind = kind
	for range len(m.blocks) / 2 {
		c.from, c.pages = append(c.from, -1), more(more(c.pages))
	}
}

// reset forgets all pages and keeps their memory.
func (c *mergeColumn) reset() {
	for _, p := range c.pages {
		if p != nil {
			p.reset()
			p.texts.reset()
			p.block = -1
		}
	}
	c.from, c.pages = c.from[:0], c.pages[:0]
}

// isText reports whether values of kind k are texts.
func (k ValueKind) isText() bool { return k == StringValue || k == BytesValue || k == JSONValue }

// page is the page of column c in the block that slot is for, decoded. It is nil
// where the source does not know the column.
func (m *merger) page(c, slot, block int) (*mergePage, error) {
	col, s := &m.columns[c], m.sources[slot/2]
	p := col.pages[slot]
	if p != nil && p.block == block {
		return p, nil
	}
	if col.from[s.number] < 0 {
		return nil, nil
	}
	if p == nil {
		p = &mergePage{}
		col.pages[slot] = p
	}
	p.block = -1
	if err := m.decode(p, c, slot, block); err != nil {
		return nil, err
	}
	p.block, p.at = block, 0
	return p, nil
}

// decode decodes a page. Versions stay as they are stored, see take.
func (m *merger) decode(p *mergePage, c, slot, block int) error {
	s := m.sources[slot/2]
	d, err := s.opened()
	if err != nil {
		return err
	}
	stored, err := s.once(d, rowTable, block, m.columns[c].from[s.number], &m.room)
	if err != nil {
		return err
	}
	p.reset()
	if stored != nil {
		stored.decode(&p.vector, s.blockLen(block))
	}
	if n := s.blockLen(block); !p.fits(c, m.columns[c].kind, n) {
		return s.corrupt(fmt.Sprintf("column %d has not the values it should have in block %d", c, block))
	}
	p.remap.reset(len(p.texts.dict))
	if c != colTime || !stored.relative {
		return nil
	}
	seq, err := m.page(colSeq, slot, block)
	if err != nil {
		return err
	}
	for i := range p.ints {
		p.ints[i] += d.clock.at(uint64(seq.ints[i]))
	}
	return nil
}

// fits reports whether p has values of the kind, one for each of its rows, which
// are all n in the columns that every row has.
func (p *mergePage) fits(c int, kind ValueKind, n int) bool {
	have := 0
	switch {
	case kind == Float64Value:
		have = len(p.floats)
	case kind.isText():
		have = len(p.texts.codes)
	default:
		have = len(p.ints)
	}
	if c < colID || len(p.rows) == 0 && have > 0 {
		return len(p.rows) == 0 && have == n
	}
	return have == len(p.rows)
}

// flush gathers the columns of the picked rows and writes the block.
func (m *merger) flush() error {
	for c := range m.columns {
		if err := m.gather(c); err != nil {
			return err
		}
		if err := m.out.work.step(0); err != nil {
			return err
		}
	}
	if err := m.reshape(); err != nil {
		return err
	}
	for i, base := range m.bases {
		m.out.cols[colVersion].ints[i] += base
	}
	n := len(m.picks)
	if err := m.out.block(n); err != nil {
		return err
	}
	m.picks, m.bases, m.touched = m.picks[:0], m.bases[:0], m.touched[:0]
	return nil
}

// reshape turns the numbers of shapes into those of the output.
func (m *merger) reshape() error {
	shape := m.out.cols[colShape].ints
	for i, pick := range m.picks {
		s := m.sources[pick>>roundShift/2]
		if uint64(shape[i]) >= uint64(len(s.shapes)) {
			return s.corrupt(fmt.Sprintf("a row has shape %d, there are %d", shape[i], len(s.shapes)))
		}
		shape[i] = s.shapes[shape[i]]
	}
	return nil
}

// gather makes column c of the block.
func (m *merger) gather(c int) error {
	col, v := &m.columns[c], &m.out.cols[c]
	v.reset()
	if col.kind == NullValue && c >= firstField {
		return nil
	}
	whole, none := true, true
	for _, slot := range m.touched {
		p, err := m.page(c, slot, m.blocks[slot])
		if err != nil {
			return err
		}
		has := p != nil && p.count() > 0
		none = none && !has
		whole = whole && has && len(p.rows) == 0
	}
	if whole {
		m.whole(col, v)
	} else if !none {
		m.sparse(col, v)
	}
	return nil
}

// whole gathers a column that every picked row has.
func (m *merger) whole(col *mergeColumn, v *vector) {
	switch {
	case col.kind == Float64Value:
		col.floats = grown(col.floats, len(col.pages))
		for _, slot := range m.touched {
			col.floats[slot] = col.pages[slot].floats
		}
		v.floats = pickAll(v.floats, m.picks, col.floats)
	case col.kind.isText():
		m.wholeTexts(col, v)
	default:
		col.ints = grown(col.ints, len(col.pages))
		for _, slot := range m.touched {
			col.ints[slot] = col.pages[slot].ints
		}
		v.ints = pickAll(v.ints, m.picks, col.ints)
	}
}

// pickAll is the picked values in the memory of dst.
func pickAll[T any](dst []T, picks []uint32, from [][]T) []T {
	dst = grown(dst, len(picks))
	for i, pick := range picks {
		dst[i] = from[pick>>roundShift][pick&(1<<roundShift-1)]
	}
	return dst
}

func (m *merger) wholeTexts(col *mergeColumn, v *vector) {
	for _, slot := range m.touched {
		col.pages[slot].remap.begin()
	}
	v.texts.codes = grown(v.texts.codes, len(m.picks))
	for i, pick := range m.picks {
		p := col.pages[pick>>roundShift]
		code := p.texts.codes[pick&(1<<roundShift-1)]
		v.texts.codes[i] = p.remap.code(code, p.texts.dict, &v.texts)
	}
}

// sparse gathers a column that some of the picked rows do not have.
func (m *merger) sparse(col *mergeColumn, v *vector) {
	for _, slot := range m.touched {
		if p := col.pages[slot]; p != nil {
			p.remap.begin()
		}
	}
	for i, pick := range m.picks {
		p := col.pages[pick>>roundShift]
		if p == nil {
			continue
		}
		at, ok := p.find(uint16(pick & (1<<roundShift - 1)))
		if !ok {
			continue
		}
		v.rows = append(v.rows, uint16(i))
		switch {
		case col.kind == Float64Value:
			v.floats = append(v.floats, p.floats[at])
		case col.kind.isText():
			v.texts.codes = append(v.texts.codes, p.remap.code(p.texts.codes[at], p.texts.dict, &v.texts))
		default:
			v.ints = append(v.ints, p.ints[at])
		}
	}
	if len(v.rows) == len(m.picks) || len(v.rows) == 0 {
		v.rows = v.rows[:0]
	}
}

// find is where the value of the row stands, if it has one. Each row is asked
// for once and in order.
func (p *mergePage) find(row uint16) (at int, ok bool) {
	if len(p.rows) == 0 {
		return int(row), p.count() > 0
	}
	at = p.at
	if at == len(p.rows) || p.rows[at] != row {
		return 0, false
	}
	p.at++
	return at, true
}
