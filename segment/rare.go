package segment

import (
	"slices"
	"strings"

	"github.com/annalsdb/annals/index"
)

const (
	// postingBits is what the bitmaps of a column may cost for each row. The rows
	// of a value that takes more are found as fast by a scan of packed codes.
	postingBits = 1

	// postingMemory is what a column's bitmaps in the making may take in the
	// smallest file; half a byte a row comes on top, which is four times what they
	// may cost in the end, and of that postingMost at most.
	postingMemory = 64 << 10
	postingMost   = 8 << 20
)

// rarities collects the rows of the rare values of columns of text, as blocks
// pass through an outlet.
type rarities struct {
	rows    uint64       // of the file
	columns []*rareTexts // by column, nil as long as there was no text in it
	codes   map[string]uint32
	same    []uint32 // by code: the first code of an equal text
	starts  []uint32 // by code: where its rows begin in group, and one more
	group   [blockRows]uint32
}

// rareTexts is one column.
type rareTexts struct {
	builder index.PostingsBuilder
	values  int // so far, and how many different ones each block had
	texts   int
	lost    bool // its texts hardly repeat: it is none to look up by value
}

// reset forgets what was collected.
func (p *rarities) reset() {
	p.columns = nil
	clear(p.codes)
}

// block takes the rows that are in the columns of o.
func (p *rarities) block(o *outlet) {
	for len(p.columns) < len(o.cols) {
		p.columns = append(p.columns, nil)
	}
	for c := range o.cols {
		v := &o.cols[c]
		if len(v.texts.codes) == 0 || c != colType && o.columns[c].kind != StringValue {
			continue
		}
		if p.columns[c] == nil {
			limit := postingMemory + int(min(p.rows/2, postingMost))
			p.columns[c] = &rareTexts{builder: index.PostingsBuilder{Limit: limit}}
		}
		if r := p.columns[c]; !r.lost {
			p.texts(r, v, uint32(o.row))
		}
	}
}

// texts takes the values of one column.
func (p *rarities) texts(r *rareTexts, v *vector, row uint32) {
	r.values += len(v.texts.codes)
	r.texts += len(v.texts.dict)
	if r.lost = r.values >= blockRows && r.texts > r.values/2; r.lost {
		r.builder = index.PostingsBuilder{}
		return
	}
	p.unify(v.texts.dict)
	p.sort(v, row)
	for c, text := range v.texts.dict {
		r.builder.AddMany(text, p.group[p.starts[c]:p.starts[c+1]])
	}
}

// unify finds texts that are in the dictionary more than once, as merging leaves
// them.
func (p *rarities) unify(dict []string) {
	if p.codes == nil {
		p.codes = map[string]uint32{}
	}
	clear(p.codes)
	p.same = grown(p.same, len(dict))
	for c, text := range dict {
		first, known := p.codes[text]
		if !known {
			first = uint32(c)
			p.codes[text] = first
		}
		p.same[c] = first
	}
}

// sort puts the rows of v into groups of one text.
func (p *rarities) sort(v *vector, row uint32) {
	p.starts = grown(p.starts, len(v.texts.dict)+1)
	clear(p.starts)
	for _, c := range v.texts.codes {
		p.starts[p.same[c]]++
	}
	at := uint32(0)
	for c, n := range p.starts {
		at += n
		p.starts[c] = at // the end, which walks back to the start
	}
	for i := len(v.texts.codes) - 1; i >= 0; i-- {
		in := i
		if len(v.rows) > 0 {
			in = int(v.rows[i])
		}
		end := &p.starts[p.same[v.texts.codes[i]]]
		*end--
		p.group[*end] = row + uint32(in)
	}
}

// finish hands over the bitmaps by column and value.
func (p *rarities) finish(w *sealedWriter) {
	type posting struct {
		value  string
		bitmap []byte
	}
	for c, r := range p.columns {
		if r == nil {
			continue
		}
		var rare []posting
		for value, bitmap := range r.builder.Rare(int(p.rows), postingBits) {
			rare = append(rare, posting{value, bitmap})
		}
		slices.SortFunc(rare, func(a, b posting) int { return strings.Compare(a.value, b.value) })
		for _, r := range rare {
			w.posting(c, r.value, r.bitmap)
		}
	}
}
