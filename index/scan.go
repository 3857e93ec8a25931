package index

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// tally is what the zones of one block say of a comparison, in rows.
type tally struct {
	rows uint64 // of the block
	some uint64 // with a value, of whatever kind
	yes  uint64 // whose value passes
	no   uint64 // whose value does not
}

// scan asks the zones of p's column for every block; tell says what their tally
// means for the rows of the block: whether one may, whether each must be wanted.
func (s *selector) scan(p comparison, want bool, tell func(tally) (may, must bool)) (*node, error) {
	columns, err := s.columns(p, want)
	if err != nil {
		return nil, err
	}
	may, must := newSpan(), newSpan()
	for block := range s.blocks(s.rows) {
		from := block * s.blockRows
		to := min(from+s.blockRows, s.rows)
		t := tally{rows: to - from}
		for i := range columns {
			columns[i].count(p, block, &t)
		}
		if t.some > t.rows {
			return nil, fmt.Errorf("the zones of column %s have %d values in %d rows from %d on", name(p.column()), t.some, t.rows, from)
		}
		can, is := tell(t)
		if can {
			may.add(from, to)
		}
		if is {
			must.add(from, to)
		}
	}
	n := &node{p: p, want: want, may: may.rows(), must: must.rows()}
	n.zoned = n.may
	return n, nil
}

// zoned is the zones of the values of one kind in a column.
type zoned struct {
	kind    Kind
	reached bool // by the comparison
	zones   []Zone
}

// count adds what the zone of the block says of p to t.
func (c *zoned) count(p comparison, block uint64, t *tally) {
	z := &c.zones[block]
	if z.Count == 0 {
		return
	}
	verdict := Never
	if c.reached {
		verdict = p.judge(c.kind, z)
	}
	t.some += uint64(z.Count)
	switch verdict {
	case Always:
		t.yes += uint64(z.Count)
	case Never:
		t.no += uint64(z.Count)
	}
}

// columns is the zones of p's column, by kind. Where p is wanted, values that it
// cannot be true of are as good as none.
func (s *selector) columns(p comparison, want bool) ([]zoned, error) {
	var columns []zoned
	for kind := Null + 1; kind < kinds; kind++ {
		reached := p.reaches(kind)
		if want && !reached {
			continue
		}
		zones, err := s.source.Zones(p.column(), kind)
		if err != nil {
			return nil, err
		}
		if zones == nil {
			continue
		}
		if uint64(len(zones)) != s.blocks(s.rows) {
			return nil, fmt.Errorf("column %s has %d zones for %d blocks", name(p.column()), len(zones), s.blocks(s.rows))
		}
		columns = append(columns, zoned{kind, reached, zones})
	}
	return columns, nil
}

// span gathers ranges of rows that rise into a bitmap, neighbours as one.
type span struct {
	done     *roaring.Bitmap
	from, to uint64
}

func newSpan() *span { return &span{done: roaring.New()} }

func (s *span) add(from, to uint64) {
	if from != s.to {
		s.done.AddRange(s.from, s.to)
		s.from = from
	}
	s.to = to
}

func (s *span) rows() *roaring.Bitmap {
	s.done.AddRange(s.from, s.to)
	return s.done
}
