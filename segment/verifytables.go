package segment

import (
	"errors"
	"fmt"

	"github.com/annalsdb/annals/index"
)

// ids holds the table of IDs and its filter against the rows. Both are added up
// to a sum that does not depend on the order, so neither has to be in memory: a
// difference goes unnoticed once in 2^64.
func (v *verifier) ids() error {
	sum, err := v.sumIDs()
	if err != nil {
		return err
	}
	t := &v.d.tables[idTable]
	var before uint64
	for b := range t.len() {
		slot := v.d.slot(t, b, 0)
		hashes, rows, err := v.pair(idTable, b)
		if err != nil {
			return err
		}
		for i := range hashes.len() {
			entry := uint64(hashes.at(i))<<32 | uint64(rows.at(i))&(1<<32-1)
			if b+i > 0 && entry <= before || i == 0 && t.ints[b] != hashes.at(0) {
				v.wrong(slot, "entries of the table of IDs do not rise")
				return nil
			}
			before = entry
			sum -= mix(entry^hashSpread, hashWord)
			ok, err := v.s.mayHave(v.d, idFilter, uint32(entry>>32))
			if err != nil {
				return err
			}
			if !ok {
				v.wrong(slot, "an ID is not in the filter")
			}
		}
	}
	if sum != 0 {
		v.wrong(-1, "the table of IDs does not have the IDs of the rows")
	}
	return nil
}

// sumIDs is the sum over the IDs of the rows.
func (v *verifier) sumIDs() (sum uint64, err error) {
	w := keyWalk{s: v.s, d: v.d}
	var ids vector
	for b := range v.d.tables[rowTable].len() {
		if err := v.s.vector(colID, b, &ids); err != nil {
			return 0, err
		}
		for j, code := range ids.texts.codes {
			row := uint64(b) * blockRows
			if row += uint64(j); len(ids.rows) > 0 {
				row += uint64(ids.rows[j]) - uint64(j)
			}
			if err := w.reach(row); err != nil {
				return 0, err
			}
			sum += mix((Hash(w.now.Stream, ids.texts.dict[code])>>32<<32|row)^hashSpread, hashWord)
		}
	}
	return sum, nil
}

// pair is the first two columns of a block, both of ints.
func (v *verifier) pair(table, b int) (first, second *intPage, err error) {
	p, err := v.s.must(v.d, table, b, 0)
	if err != nil {
		return nil, nil, err
	}
	q, err := v.s.must(v.d, table, b, 1)
	if err != nil {
		return nil, nil, err
	}
	return p.ints, q.ints, nil
}

// batches checks that positions and commit times rise.
func (v *verifier) batches() error {
	t := &v.d.tables[batchTable]
	seq, recorded := v.s.info.First, v.s.info.FirstRecorded
	for b := range t.len() {
		first, times, err := v.pair(batchTable, b)
		if err != nil {
			return err
		}
		for i := range first.len() {
			f, r := uint64(first.at(i)), times.at(i)
			begins := b+i == 0
			if begins && (f != seq || r != recorded) || !begins && (f <= seq || r <= recorded) || f > v.s.info.Last || i == 0 && t.ints[b] != first.at(0) {
				v.wrong(v.d.slot(t, b, 0), "a batch at position %d recorded at %d stands behind one at %d recorded at %d", f, r, seq, recorded)
			}
			seq, recorded = f, r
		}
	}
	if recorded != v.s.info.LastRecorded {
		v.fault(v.s.corrupt(v.s.end.summary.offset, fmt.Sprintf("the summary says that the last batch was recorded at %d, it was at %d", v.s.info.LastRecorded, recorded)))
	}
	return nil
}

// states checks that checkpoints stand in front of rows that rise.
func (v *verifier) states() error {
	t := &v.d.tables[stateTable]
	before := int64(-1)
	for b := range t.len() {
		p, err := v.s.must(v.d, stateTable, b, 0)
		if err != nil {
			return err
		}
		for i := range p.ints.len() {
			row := p.ints.at(i)
			if row <= before || uint64(row) >= v.s.info.Rows || i == 0 && t.ints[b] != row {
				v.wrong(v.d.slot(t, b, 0), "a checkpoint in front of row %d stands behind one of row %d", row, before)
			}
			before = row
		}
	}
	return nil
}

// tallied says which rows something has, in any order: two of them are the same if
// the rows are, but for once in 2^64.
type tallied struct {
	rows int
	sum  uint64
}

func (t *tallied) add(row uint64) {
	t.rows++
	t.sum += mix(row^hashSpread, hashWord)
}

// postings holds the bitmaps against the rows, column by column.
func (v *verifier) postings() error {
	t := &v.d.tables[postingTable]
	col, before := -1, ""
	want := map[string]tallied{}
	for b := range t.len() {
		var p [3]*page
		for c := range p {
			var err error
			if p[c], err = v.s.must(v.d, postingTable, b, c); err != nil {
				return err
			}
		}
		for i := range p[0].ints.len() {
			c, value := int(p[0].ints.at(i)), p[1].texts.at(i)
			if c < col || c == col && value <= before || i == 0 && (t.ints[b] != int64(c) || t.texts[b] != value) {
				v.wrong(v.d.slot(t, b, 0), "bitmaps do not rise at %q of column %d", value, c)
				return nil
			}
			if c != col {
				if err := v.posted(col, want); err != nil {
					return err
				}
				clear(want)
			}
			col, before = c, value
			rows, err := tallyBitmap(view(p[2].texts.at(i)), v.s.info.Rows)
			if err != nil {
				v.wrong(v.d.slot(t, b, 2), "%v", err)
				return nil
			}
			want[value] = rows
		}
	}
	return v.posted(col, want)
}

// tallyBitmap adds up a bitmap of rows, of which there are so many in the file.
func tallyBitmap(b []byte, rows uint64) (t tallied, err error) {
	bitmap, err := index.OpenBitmap(b)
	if err != nil {
		return t, err
	}
	if bitmap.IsEmpty() || uint64(bitmap.Maximum()) >= rows {
		return t, errors.New("a bitmap has no rows, or some that are not there")
	}
	bitmap.Iterate(func(row uint32) bool {
		t.add(uint64(row))
		return true
	})
	return t, nil
}

// posted compares the bitmaps of a column with its values.
func (v *verifier) posted(col int, want map[string]tallied) error {
	t := &v.d.tables[rowTable]
	if len(want) == 0 {
		return nil
	}
	if col < 0 || col >= len(t.kinds) || t.kinds[col] != textPages {
		v.wrong(-1, "there are bitmaps of column %d", col)
		return nil
	}
	got := make(map[string]tallied, len(want))
	var values vector
	for b := range t.len() {
		if err := v.s.part(v.d, col, b, 0, t.blockLen(b), &values); err != nil {
			return err
		}
		for j, code := range values.texts.codes {
			value := values.texts.dict[code]
			if _, ok := want[value]; !ok {
				continue
			}
			row := uint64(b)*blockRows + uint64(j)
			if len(values.rows) > 0 {
				row = uint64(b)*blockRows + uint64(values.rows[j])
			}
			rows := got[value]
			rows.add(row)
			got[string([]byte(value))] = rows
		}
	}
	for value, rows := range want {
		if got[value] != rows {
			v.wrong(-1, "the bitmap of %q in column %d has %d rows, not those %d that have the value", value, col, rows.rows, got[value].rows)
		}
	}
	return nil
}
