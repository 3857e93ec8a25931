package segment

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

const (
	// verifyCache is how much of the file is in memory while it is verified,
	// besides what the whole engine's cache holds.
	verifyCache = 16 << 20

	// verifyFaults is how many faults are reported of one file.
	verifyFaults = 100
)

// errStopped ends a verification that progress does not want to go on.
var errStopped = errors.New("stopped")

// Verify reads the whole file and checks everything it says: every checksum, and
// if those are right, the order of rows and keys, counts, statistics, positions,
// commit times, filters, IDs, checkpoints and bitmaps against the rows. All faults
// are joined, each a [CorruptError], up to a hundred. progress, which may be nil,
// is told how many bytes of the file were read since its last call; false stops.
//
// The engine's cache is left alone. Memory is some 16 MiB, and a bit a row.
func (s *Sealed) Verify(progress func(bytes int64) bool) error {
	own := &Sealed{Path: s.Path, cache: NewCache(verifyCache), file: s.file, salt: s.salt, info: s.info, end: s.end}
	v := verifier{s: own, progress: progress}
	v.whole()
	if len(v.faults) == 0 && !v.stopped {
		v.contents()
	}
	return errors.Join(v.faults...)
}

// verifier collects what is wrong with a file.
type verifier struct {
	s        *Sealed
	d        *directory
	progress func(bytes int64) bool
	stopped  bool
	faults   []error
}

// fault notes err, unless there are enough.
func (v *verifier) fault(err error) {
	if len(v.faults) < verifyFaults {
		v.faults = append(v.faults, err)
	}
}

// wrong notes what is wrong with the page of a slot.
func (v *verifier) wrong(slot int, format string, args ...any) {
	offset := v.s.end.directory.offset
	if slot >= 0 {
		offset = v.d.places[slot].offset
	}
	v.fault(v.s.corrupt(offset, fmt.Sprintf(format, args...)))
}

// column notes what is wrong with a page of the table of rows.
func (v *verifier) column(block, col int, format string, args ...any) {
	v.wrong(v.d.slot(&v.d.tables[rowTable], block, col), format, args...)
}

func (v *verifier) tell(bytes int64) {
	if v.progress != nil && !v.stopped {
		v.stopped = !v.progress(bytes)
	}
}

// whole checks header, trailer and every page by itself, and that the pages take
// all of the file.
func (v *verifier) whole() {
	if err := v.s.readHeader(); err != nil {
		v.fault(err)
	}
	if err := v.s.readSummary(v.s.info.Bytes); err != nil {
		v.fault(err)
	}
	if len(v.faults) > 0 {
		return
	}
	var err error
	if v.d, err = v.s.opened(); err != nil {
		v.fault(err)
		return
	}
	order := make([]int32, len(v.d.places))
	rows := make([]int, len(v.d.places))
	for i := range order {
		order[i] = int32(i)
	}
	for i := range v.d.tables {
		t := &v.d.tables[i]
		for b := range t.len() {
			for slot := t.blocks[b].slot; slot < t.blocks[b+1].slot; slot++ {
				rows[slot] = t.blockLen(b)
			}
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(v.d.places[a].offset, v.d.places[b].offset) })
	end := int64(sealedHeadSize)
	for _, slot := range order {
		p := v.d.places[slot]
		if p.offset != end {
			v.wrong(int(slot), "the page before ends at %d", end)
		}
		end = p.offset + int64(p.length)
		if _, err := v.s.load(v.d, int(slot), rows[slot]); err != nil {
			v.fault(err)
		}
		if v.tell(int64(p.length)); v.stopped {
			return
		}
	}
	if end != v.s.end.directory.offset {
		v.wrong(-1, "the last page ends at %d", end)
	}
	v.tell(v.s.info.Bytes - end + sealedHeadSize)
}

// contents holds the tables against each other.
func (v *verifier) contents() {
	for _, check := range [...]func() error{v.rows, v.zones, v.ids, v.batches, v.states, v.postings} {
		if v.stopped {
			return
		}
		if err := check(); err != nil {
			v.fault(err)
			return
		}
		v.tell(0)
	}
}

// rows checks rows, keys and the summary's counts.
func (v *verifier) rows() error {
	seen := make([]uint64, (v.s.info.Rows+63)/64)
	info := SealedInfo{Streams: make([]SealedStream, len(v.s.info.Streams))}
	for i := range info.Streams {
		info.Streams[i].Def, info.Streams[i].Settled = v.s.info.Streams[i].Def, v.s.info.Streams[i].Settled
	}
	c := v.s.Rows(0)
	for {
		k, err := v.key(c, &info)
		if k == nil || err != nil {
			return v.summary(&info, err)
		}
		if err := v.rowsOf(c, k, &info, seen); err != nil {
			return err
		}
		if v.tell(0); v.stopped {
			return nil
		}
	}
}

// key checks the next key by itself and against the one before, nil at the end.
func (v *verifier) key(c *RowCursor, info *SealedInfo) (*Keyed, error) {
	if c.row >= v.s.info.Rows {
		return nil, nil
	}
	if err := c.keys.reach(c.row); err != nil {
		return nil, err
	}
	k := c.keys.now
	slot := v.d.slot(&v.d.tables[keysTable], c.keys.b, keyName)
	at := v.s.stream(k.Stream)
	if at < 0 || c.keys.b < v.d.keyBlocks[at] || c.keys.b >= v.d.keyBlocks[at+1] {
		v.wrong(slot, "key %q stands among those of another stream than %d", k.Name, k.Stream)
		return nil, errStopped
	}
	st := &info.Streams[at]
	if k.Row != c.row || st.Keys > 0 && k.Name <= st.LastKey {
		v.wrong(slot, "key %q with row %d comes behind %q, row %d is next", k.Name, k.Row, st.LastKey, c.row)
	}
	if k.Row != c.row { // behind the row that is next there are fewer than its rows, or others
		return nil, errStopped
	}
	if t := &v.d.tables[keysTable]; c.keys.i == 0 && (t.texts[c.keys.b] != k.Name || t.ints[c.keys.b] != int64(k.Row)) {
		v.wrong(-1, "the directory says that key %q is %q", k.Name, t.texts[c.keys.b])
	}
	if st.Keys == 0 {
		st.FirstKey = k.Name
	}
	st.LastKey = k.Name
	st.Keys++
	info.Keys++
	ok, err := v.s.mayHave(v.d, keyFilter, uint32(Hash(k.Stream, k.Name)>>32))
	if !ok && err == nil {
		v.wrong(slot, "key %q is not in the filter", k.Name)
	}
	return &k, err
}

// late checks that a key with a late row is in the filter of those.
func (v *verifier) late(r *SealedRow, k *Keyed) error {
	in := &v.s.info.Streams[v.s.stream(k.Stream)]
	ok, err := v.s.MayHaveBefore(in, Hash(k.Stream, k.Name), r.Time)
	if !ok && err == nil {
		v.wrong(-1, "key %q has an event at %d and is not among those with late ones", k.Name, r.Time)
	}
	return err
}

// rowsOf checks the rows of a key.
func (v *verifier) rowsOf(c *RowCursor, k *Keyed, info *SealedInfo, seen []uint64) error {
	st := &info.Streams[v.s.stream(k.Stream)]
	var before SealedRow
	lowest, base, last := ^uint64(0), uint64(0), uint64(0)
	for i := range k.Rows() {
		r, err := c.Next()
		if err != nil {
			return err
		}
		row := k.Row + uint64(i)
		if at := r.Seq - v.s.info.First; seen[at/64]>>(at%64)&1 != 0 {
			v.column(int(row/blockRows), colSeq, "two rows have position %d", r.Seq)
		} else {
			seen[at/64] |= 1 << (at % 64)
		}
		if class := classOf(r.Kind); class != k.classAt(i) || i > 0 && class == classOf(before.Kind) && !inOrder(&before, r, st.Def.ByArrival) {
			v.column(int(row/blockRows), colSeq, "row %d of key %q, a %s at position %d, is out of order", row, k.Name, r.Kind, r.Seq)
		}
		st.count(r)
		if r.Time < st.Settled {
			if err := v.late(r, k); err != nil {
				return err
			}
		}
		if r.Seq < lowest {
			lowest, base = r.Seq, r.Version
		}
		last = max(last, r.Seq)
		before = *r
	}
	if base != k.Base || last != k.Last {
		v.wrong(v.d.slot(&v.d.tables[keysTable], c.keys.b, keyBase), "key %q begins with version %d and ends at position %d, the directory says %d and %d", k.Name, base, last, k.Base, k.Last)
	}
	return nil
}

// classOf is the part of a key's rows in which those of a kind stand.
func classOf(k Kind) int { return max(0, int(k)-int(Delete)) }

// classAt is the class that row i of the key must have.
func (k *Keyed) classAt(i int) int {
	switch {
	case i < k.Changes:
		return 0
	case i < k.Changes+k.Beats:
		return 1
	}
	return 2
}

// inOrder reports whether a comes before b.
func inOrder(a, b *SealedRow, byArrival bool) bool {
	if byArrival || a.Time == b.Time {
		return a.Seq < b.Seq
	}
	return a.Time < b.Time
}

// count adds r to the stream's counts.
func (s *SealedStream) count(r *SealedRow) {
	if s.Rows == 0 {
		s.MinTime, s.MaxTime = r.Time, r.Time
	}
	s.MinTime, s.MaxTime = min(s.MinTime, r.Time), max(s.MaxTime, r.Time)
	s.Rows++
	*[...]*uint64{&s.Changes, &s.Deletes, &s.Heartbeats, &s.Retractions}[r.Kind]++
	if r.Unchanged {
		s.Unchanged++
	}
	if r.ID != "" {
		s.IDs++
	}
}

// summary holds the file's summary against what was counted.
func (v *verifier) summary(got *SealedInfo, err error) error {
	if err != nil {
		if err == errStopped {
			err = nil // said already
		}
		return err
	}
	want := &v.s.info
	for i := range want.Streams {
		if got.Streams[i] != want.Streams[i] {
			v.fault(v.s.corrupt(v.s.end.summary.offset, fmt.Sprintf("the summary says %+v, the rows say %+v", want.Streams[i], got.Streams[i])))
		}
	}
	all := sealedWriter{info: *got}
	all.sumStreams()
	if s := all.info; s.MinTime != want.MinTime || s.MaxTime != want.MaxTime || s.Retractions != want.Retractions || s.Keys != want.Keys {
		v.fault(v.s.corrupt(v.s.end.summary.offset, "times or counts of the summary are not those of the rows"))
	}
	return nil
}

// zones computes the statistics of every page again.
func (v *verifier) zones() error {
	t := &v.d.tables[rowTable]
	var values vector
	for col, kind := range t.kinds {
		zones, err := v.s.zonesOf(col)
		if err != nil {
			return err
		}
		for b := range t.len() {
			if v.d.slot(t, b, col) < 0 {
				continue
			}
			if zones == nil {
				v.column(b, col, "column %d has no statistics", col)
				break
			}
			if err := v.s.part(v.d, col, b, 0, t.blockLen(b), &values); err != nil {
				return err
			}
			z := zoneOf(&values, kind)
			z.rows = uint32(t.blockLen(b))
			if z.differs(&zones[b]) {
				v.column(b, col, "the statistics of column %d say %+v, its values %+v", col, zones[b], z)
			}
		}
		if v.tell(0); v.stopped {
			return nil
		}
	}
	return nil
}

// differs compares statistics to the bit.
func (z *zone) differs(o *zone) bool {
	for _, f := range [...][2]float64{{z.fmin, o.fmin}, {z.fmax, o.fmax}, {z.fsum, o.fsum}} {
		if f[0] != f[1] && (f[0] == f[0] || f[1] == f[1]) {
			return true
		}
	}
	a, b := *z, *o
	a.fmin, a.fmax, a.fsum, b.fmin, b.fmax, b.fsum = 0, 0, 0, 0, 0, 0
	if a.overflow && b.overflow {
		a.sum, b.sum = 0, 0
	}
	return a != b
}
