package segment

import (
	"math"
	"slices"
	"strings"
)

// LoadedRows is rows in memory, to be scanned like those of a sealed file, which
// they are not in. It has one user at a time.
type LoadedRows struct {
	Names []string // of the columns that are kept, see [Scan]
	All   bool     // all columns are kept

	// Once is that rows are looked at once, each in its place: then it does not pay to
	// find out which are of the same key, and a key has a number for each run of rows.
	Once bool

	rowsLoaded
	number map[string]int // of a key
	arena  arena          // of keys, if Once
}

// rowsLoaded is what a scan has of the rows. What is there of it does not change:
// more is added behind.
type rowsLoaded struct {
	columns Columns
	keyOf   []uint32 // by row, the number of its key
	keys    []string
	latest  int64 // Time of a row
}

// Add adds a row, of whose texts it makes copies.
func (l *LoadedRows) Add(r *SealedRow) error {
	if l.number == nil {
		l.Reset(l.Names)
	}
	if r.ID != "" && l.columns.wants(ColumnID) {
		l.columns.fieldOf(ColumnID, StringValue).add(StringOf(r.ID), l.columns.Rows)
	}
	if err := l.columns.add(r); err != nil {
		return err
	}
	l.keyOf = append(l.keyOf, uint32(l.keyNumber(r.Key)))
	l.latest = max(l.latest, r.Time)
	return nil
}

// keyNumber is the number of a key.
func (l *LoadedRows) keyNumber(name string) int {
	if l.Once {
		if last := len(l.keys) - 1; last < 0 || l.keys[last] != name {
			l.keys = append(l.keys, l.arena.keep(name))
		}
		return len(l.keys) - 1
	}
	key, ok := l.number[name]
	if !ok {
		key = len(l.keys)
		l.keys = append(l.keys, strings.Clone(name))
		l.number[l.keys[key]] = key
	}
	return key
}

// fields is those of the columns kept that are fields, and the ID, which is kept like
// one.
func (l *LoadedRows) fields() []string {
	if l.All {
		return nil
	}
	fields := []string{}
	for _, name := range l.Names {
		if !strings.HasPrefix(name, "\xff") || name == ColumnID {
			fields = append(fields, name)
		}
	}
	return fields
}

// Reset lets go of all rows, whose memory the next ones take, of columns of those names.
// Scans of the rows before must not be used any more.
func (l *LoadedRows) Reset(names []string) {
	l.Names, l.latest = names, math.MinInt64
	l.columns.empty()
	l.columns.Only = l.fields()
	l.keyOf, l.keys = l.keyOf[:0], l.keys[:0]
	if clear(l.number); l.number == nil {
		l.number = map[string]int{}
	}
}

// Finish lets go of what adding rows takes: none is added any more.
func (l *LoadedRows) Finish() { l.number = nil }

// About what things take in memory: a key of rows in memory and its number, a text.
const (
	loadedKeyBytes  = 32
	loadedTextBytes = 24
	keyNumberBytes  = 48
)

// Size is about how many bytes of memory the rows take.
func (l *LoadedRows) Size() int64 {
	size := 4*cap(l.keyOf) + len(l.number)*keyNumberBytes
	for _, v := range l.columns.ints() {
		size += 8 * cap(*v)
	}
	for _, name := range l.keys {
		size += loadedKeyBytes + len(name)
	}
	size += l.columns.Types.size()
	for i := range l.columns.all {
		f := &l.columns.all[i]
		size += 4*cap(f.Rows) + 8*cap(f.Ints) + 8*cap(f.Floats) + f.Texts.size()
	}
	return int64(size)
}

// size is about how many bytes of memory t takes.
func (t *Texts) size() int {
	size := 4 * cap(t.Codes)
	for _, word := range t.Dict {
		size += loadedTextBytes + len(word)
	}
	return size
}

// Scan is a scan of the rows that are there now; names are those of the columns that
// batches have. More may be added while it is read.
func (l *LoadedRows) Scan(names []string) *LoadedScan {
	l.columns.finish(l.columns.Rows)
	sc := &LoadedScan{Names: names, MaxTime: math.MaxInt64, MaxSeq: math.MaxUint64, rows: l.rowsLoaded}
	sc.rows.columns.all, sc.rows.columns.Fields = nil, slices.Clone(l.columns.Fields)
	return sc
}
