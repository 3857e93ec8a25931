package store

import (
	"fmt"

	"github.com/annalsdb/annals/segment"
)

// rowReaders reads the rows of a key in the order of its versions. Of a sealed file
// that has many of them it decodes whole blocks, each class of versions by a reader
// of its own, which keeps one block: in the order of versions rows of a class rise.
type rowReaders struct {
	all  []rowReader
	keep segment.RowReader
}

type rowReader struct {
	file  *segment.Sealed
	class class
	read  int // rows
	rows  *segment.RowCursor
}

// bulkRows is from how many rows on it pays to decode blocks: where a reader has
// read so many, and the key has many more.
const bulkRows = 64

// read reads the row of v.
func (r *rowReaders) read(t *trail, v *version) (segment.Row, error) {
	if v.file == nil || v.key.Rows() < 8*bulkRows {
		return t.row(v)
	}
	row := uint64(place(v.Place).offset())
	reader := r.of(v.file, classOf(v.key, row))
	if reader.read++; reader.read < bulkRows {
		return t.row(v)
	}
	if reader.rows == nil {
		reader.rows = v.file.Rows(row)
	}
	found, err := reader.rows.At(row)
	if err != nil {
		return segment.Row{}, fmt.Errorf("read event %d: %w", v.Seq, err)
	}
	kept := r.keep.Keep(found)
	kept.Key = t.name
	return kept.Row, nil
}

func (r *rowReaders) of(f *segment.Sealed, c class) *rowReader {
	for i := range r.all {
		if r.all[i].file == f && r.all[i].class == c {
			return &r.all[i]
		}
	}
	r.all = append(r.all, rowReader{file: f, class: c})
	return &r.all[len(r.all)-1]
}

// classOf is the class of a row of k.
func classOf(k *segment.Keyed, row uint64) class {
	switch n := int(row - k.Row); {
	case n < k.Changes:
		return changes
	case n < k.Changes+k.Beats:
		return beats
	}
	return retractions
}
