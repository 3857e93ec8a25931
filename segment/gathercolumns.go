package segment

import "slices"

// Stretch is the rows From to To, less one, of one of several Columns.
type Stretch struct{ Part, From, To int }

// Gather makes c the rows of parts in the order of the stretches, which name rows
// of a part rising. c is none of the parts.
func (c *Columns) Gather(parts []Columns, stretches []Stretch) {
	c.empty()
	rows := 0
	for _, s := range stretches {
		rows += s.To - s.From
	}
	for i, v := range c.ints() {
		*v = slices.Grow(*v, rows)
		for _, s := range stretches {
			*v = append(*v, (*parts[s.Part].ints()[i])[s.From:s.To]...)
		}
	}
	g := gatherer{parts: parts, stretches: stretches, rows: rows}
	g.texts(&c.Types, func(part int) *Texts { return &parts[part].Types })
	for p := range parts {
		for i := range parts[p].Fields {
			f := &parts[p].Fields[i]
			if to := c.fieldOf(f.Name, f.Kind); to.n == 0 {
				g.field(to)
			}
		}
	}
	c.finish(rows)
}

// gatherer gathers one column after the other.
type gatherer struct {
	parts     []Columns
	stretches []Stretch
	rows      int
	bases     []uint32 // where the dictionaries of the parts begin
	from      []*FieldColumn
	next      []int // by part: the first value behind the stretch before
}

// texts gathers a column that every row has.
func (g *gatherer) texts(to *Texts, of func(part int) *Texts) {
	g.dictionaries(to, of)
	to.Codes = slices.Grow(to.Codes, g.rows)
	for _, s := range g.stretches {
		to.add(of(s.Part).Codes[s.From:s.To], g.bases[s.Part])
	}
}

// dictionaries appends those of all parts.
func (g *gatherer) dictionaries(to *Texts, of func(part int) *Texts) {
	g.bases = g.bases[:0]
	for p := range g.parts {
		base := uint32(len(to.Dict))
		if t := of(p); t != nil {
			to.extend(t.Dict)
		}
		g.bases = append(g.bases, base)
	}
}

// field gathers the field that to names.
func (g *gatherer) field(to *FieldColumn) {
	g.from, g.next = g.from[:0], g.next[:0]
	for p := range g.parts {
		var found *FieldColumn
		for i := range g.parts[p].Fields {
			if f := &g.parts[p].Fields[i]; f.Name == to.Name && f.Kind == to.Kind {
				found = f
			}
		}
		g.from, g.next = append(g.from, found), append(g.next, 0)
	}
	if pagesOf(to.Kind) == textPages {
		g.dictionaries(&to.Texts, func(p int) *Texts {
			if g.from[p] == nil {
				return nil
			}
			return &g.from[p].Texts
		})
	}
	done := 0
	for _, s := range g.stretches {
		if f := g.from[s.Part]; f != nil {
			g.stretch(to, f, s, done)
		}
		done += s.To - s.From
	}
}

// stretch appends the values of f in s, whose rows are those from done on.
func (g *gatherer) stretch(to, f *FieldColumn, s Stretch, done int) {
	first, last := s.From, s.To
	if f.Rows == nil {
		to.dense(done, last-first)
	} else {
		first = g.next[s.Part]
		for first < len(f.Rows) && int(f.Rows[first]) < s.From {
			first++
		}
		for last = first; last < len(f.Rows) && int(f.Rows[last]) < s.To; last++ {
			to.dense(done+int(f.Rows[last])-s.From, 1)
		}
		g.next[s.Part] = last
	}
	switch pagesOf(f.Kind) {
	case intPages:
		to.Ints = append(to.Ints, f.Ints[first:last]...)
	case floatPages:
		to.Floats = append(to.Floats, f.Floats[first:last]...)
	case textPages:
		to.Texts.add(f.Texts.Codes[first:last], g.bases[s.Part])
	}
}
