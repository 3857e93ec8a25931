package segment

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// sealedDefs are the streams of sealedEvents; the last one has no events.
var sealedDefs = []Stream{{Number: 1, Name: "by time"}, {Number: 3, Name: "by arrival", Fold: "merge", ByArrival: true, OnlyChanges: true}, {Number: 4, Name: "none"}}

const sealedFirst = 1000

// sealedBatches says where the batches of n events begin, and when each one was
// committed.
func sealedBatches(n int) (first []uint64, recorded []int64) {
	for at := 0; at < n; at += 1 + at%7 {
		first = append(first, sealedFirst+uint64(at))
		recorded = append(recorded, 1_700_000_000e9+int64(at)*1e6)
	}
	return first, recorded
}

// sealedEvents are n events of some keys, at positions from sealedFirst on, with
// fields, kinds, IDs and lateness of every sort.
func sealedEvents(rng *rand.Rand, n int) []SealedRow {
	first, recorded := sealedBatches(n)
	versions := map[string]uint64{}
	rows := make([]SealedRow, n)
	batch := -1
	for i := range rows {
		r := &rows[i]
		r.Seq = sealedFirst + uint64(i)
		for batch+1 < len(first) && first[batch+1] <= r.Seq {
			batch++
		}
		r.Recorded = recorded[batch]
		r.Time = r.Recorded - rng.Int64N(1000)
		if rng.IntN(20) == 0 {
			r.Time = rng.Int64() - rng.Int64()
		}
		r.Lag = r.Recorded - r.Time
		r.Stream = sealedDefs[rng.IntN(2)].Number
		r.Key = fmt.Sprintf("key-%03d", int(math.Abs(rng.NormFloat64())*float64(1+n/20)))
		of := fmt.Sprint(r.Stream, r.Key)
		versions[of]++
		r.Version = versions[of] + 5
		r.Type = []string{"", "made", "sent", "paid"}[rng.IntN(4)]
		r.listed = true
		sealedContent(rng, r)
	}
	return rows
}

func sealedContent(rng *rand.Rand, r *SealedRow) {
	if rng.IntN(3) == 0 {
		r.ID = fmt.Sprintf("id-%d", r.Seq)
	}
	switch k := rng.IntN(12); {
	case k == 0:
		r.Kind = Heartbeat
		return
	case k == 1:
		r.Kind, r.Ref = Retraction, r.Seq-1
		return
	case k == 2:
		r.Kind = Delete
	case k == 3:
		r.Unchanged, r.Ref = true, r.Seq-3
	}
	if rng.IntN(50) == 0 {
		r.list = everyKind()
		return
	}
	r.list = Fields{Int64("i", int64(r.Seq)), Float64("f", float64(rng.IntN(1000))/10)}
	if rng.IntN(2) == 0 {
		r.list = append(r.list, String("s", fmt.Sprintf("text %d", rng.IntN(30))))
	}
	if rng.IntN(9) == 0 {
		r.list = append(r.list, Float64("i", math.NaN()), Null("s"))
		r.list = r.list[1:]
	}
}

// sealedOrder puts rows in the order of a file.
func sealedOrder(rows []SealedRow) []SealedRow {
	class := func(r *SealedRow) int { return max(0, int(r.Kind)-1) }
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b SealedRow) int {
		c := cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Key, b.Key), cmp.Compare(class(&a), class(&b)))
		if a.Stream == 1 && c == 0 {
			c = cmp.Compare(a.Time, b.Time)
		}
		return cmp.Or(c, cmp.Compare(a.Seq, b.Seq))
	})
	return rows
}

// sealedKeys are the keys of rows in a file's order.
func sealedKeys(rows []SealedRow) (keys []Keyed) {
	lowest := uint64(0)
	for i := range rows {
		r := &rows[i]
		if n := len(keys); n == 0 || keys[n-1].Stream != r.Stream || keys[n-1].Name != r.Key {
			keys = append(keys, Keyed{Stream: r.Stream, Name: r.Key, Row: uint64(i)})
			lowest = math.MaxUint64
		}
		k := &keys[len(keys)-1]
		switch r.Kind {
		case Heartbeat:
			k.Beats++
		case Retraction:
			k.Retractions++
		default:
			k.Changes++
		}
		k.Last = max(k.Last, r.Seq)
		if r.Seq < lowest {
			lowest, k.Base = r.Seq, r.Version
		}
	}
	return keys
}

// writeSealed writes rows, which are in a file's order.
func writeSealed(t testing.TB, fs FS, dir string, rows []SealedRow) string {
	t.Helper()
	return writeTampered(t, fs, dir, rows, func(*sealedWriter) {})
}

// writeTampered is writeSealed with a hook behind the last block.
func writeTampered(t testing.TB, fs FS, dir string, rows []SealedRow, tamper func(*sealedWriter)) string {
	t.Helper()
	h := SealedHead{First: sealedFirst, Last: sealedFirst + uint64(len(rows)) - 1, Database: [16]byte{7}, Created: 99, Defs: sealedDefs}
	w := &sealedWriter{}
	if err := w.create(fs, dir, h); err != nil {
		t.Fatal(err)
	}
	w.salt = 0xfeed // so that a file is the same each time
	w.buf = appendSealedHeader(w.buf[:0], w.salt, &h)
	w.knots([]uint64{sealedFirst, sealedFirst + uint64(len(rows))}, []int64{1_700_000_000e9, 1_700_000_000e9 + int64(len(rows))*1e6})
	w.batches(sealedBatches(len(rows)))
	keys := sealedKeys(rows)
	for row := 0; row < len(rows); {
		n := min(blockRows, len(rows)-row)
		for len(keys) > 0 && keys[0].Row < uint64(row+n) {
			k := &keys[0]
			w.key(&keyEntry{k.Stream, k.Name, k.Row, k.Changes, k.Beats, k.Retractions, k.Last, k.Base})
			keys = keys[1:]
		}
		if err := w.block(n, sealedBlock(w, rows[row:row+n])); err != nil {
			t.Fatal(err)
		}
		for i := (row + 99) / 100 * 100; i < row+n; i += 100 {
			w.state(uint64(i), fmt.Sprintf("state before row %d", i))
		}
		row += n
	}
	postTypes(t, w, rows)
	tamper(w)
	size, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SealedName(h.First, h.Last))
	if f, err := fs.Open(path); err != nil {
		t.Fatal(err)
	} else if n, _ := f.Size(); n != size {
		t.Fatalf("the file has %d bytes, finish says %d", n, size)
	} else {
		f.Close()
	}
	return path
}

// postTypes writes a bitmap for each type.
func postTypes(t testing.TB, w *sealedWriter, rows []SealedRow) {
	for _, typ := range []string{"", "made", "paid", "sent"} {
		if bitmap := typeBitmap(t, rows, typ); bitmap != nil {
			w.posting(colType, typ, bitmap)
		}
	}
}

// typeBitmap is the rows of a type, nil if there are none.
func typeBitmap(t testing.TB, rows []SealedRow, typ string) []byte {
	bitmap := roaring.New()
	for i := range rows {
		if rows[i].Type == typ {
			bitmap.Add(uint32(i))
		}
	}
	if bitmap.IsEmpty() {
		return nil
	}
	b, err := bitmap.ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedBlock turns rows into vectors.
func sealedBlock(w *sealedWriter, rows []SealedRow) []vector {
	cols := make([]vector, firstField)
	text := func(v *vector, s string) {
		v.texts.codes = append(v.texts.codes, uint32(len(v.texts.dict)))
		v.texts.dict = append(v.texts.dict, s)
	}
	for i := range rows {
		r := &rows[i]
		var shape []int
		for _, f := range r.list {
			col := w.field(column{f.Name, f.Value.kind})
			shape = append(shape, col)
			for len(cols) <= col {
				cols = append(cols, vector{})
			}
			v := &cols[col]
			switch pagesOf(f.Value.kind) {
			case intPages:
				v.ints = append(v.ints, int64(f.Value.bits))
			case floatPages:
				v.floats = append(v.floats, math.Float64frombits(f.Value.bits))
			case textPages:
				text(v, f.Value.text)
			default:
				continue
			}
			v.rows = append(v.rows, uint16(i))
		}
		flags := int64(r.Kind)
		if r.Unchanged {
			flags |= flagsUnchanged
		}
		for col, x := range [...]int64{colSeq: int64(r.Seq), colTime: r.Time, colVersion: int64(r.Version), colFlags: flags, colShape: int64(w.shape(shape))} {
			cols[col].ints = append(cols[col].ints, x)
		}
		text(&cols[colType], r.Type)
		if r.ID != "" {
			text(&cols[colID], r.ID)
			cols[colID].rows = append(cols[colID].rows, uint16(i))
		}
		if r.Ref != 0 {
			cols[colRef].ints = append(cols[colRef].ints, int64(r.Ref))
			cols[colRef].rows = append(cols[colRef].rows, uint16(i))
		}
	}
	return cols
}

// makeSealed writes and opens a file of n events and returns its rows in its order.
func makeSealed(t testing.TB, seed uint64, n int, cache int64) (*Sealed, []SealedRow) {
	t.Helper()
	rows := sealedOrder(sealedEvents(rand.New(rand.NewPCG(seed, 1)), n))
	s, err := OpenSealed(OS, writeSealed(t, OS, t.TempDir(), rows), NewCache(cache))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, rows
}

// sameRow reports what of got is not as in want, "" if all is.
func sameRow(got, want *SealedRow) string {
	g, w := *got, *want
	gf, err := g.Fields()
	wf, _ := w.Fields()
	if err != nil || !slices.Equal(gf, wf) {
		return fmt.Sprintf("position %d: fields %v, %v, want %v", w.Seq, gf, err, wf)
	}
	g.Row.list, w.Row.list, g.Row.fields, w.Row.fields, g.listed, w.listed = nil, nil, "", "", false, false
	if fmt.Sprint(g) != fmt.Sprint(w) {
		return fmt.Sprintf("got %+v, want %+v", g, w)
	}
	return ""
}

// sizes of files: one row, a block and one more or less, several blocks.
var sealedSizes = []int{1, 2, 63, blockRows - 1, blockRows, blockRows + 1, 3*blockRows + 77}

func TestSealed_EveryRead(t *testing.T) {
	for i, n := range sealedSizes {
		for _, cache := range []int64{1, 64 << 20} { // each page read anew, or kept
			if cache == 1 && n > 63 {
				continue // seconds
			}
			s, rows := makeSealed(t, uint64(i), n, cache)
			checkInfo(t, s, rows)
			checkKeys(t, s, sealedKeys(rows))
			checkRows(t, s, rows)
			checkScans(t, s, rows)
			checkBatches(t, s, n)
			checkIDs(t, s, rows)
			checkColumns(t, s, rows)
			for _, typ := range []string{"", "made", "lost"} {
				want := typeBitmap(t, rows, typ)
				if got, ok, err := s.Posting(colType, typ); err != nil || ok != (want != nil) || !bytes.Equal(got, want) {
					t.Errorf("Posting(%q) = %d bytes, %v, %v", typ, len(got), ok, err)
				}
			}
			if err := s.Verify(nil); err != nil {
				t.Errorf("Verify: %v", err)
			}
			if t.Failed() {
				t.Fatalf("file of %d rows, cache of %d bytes", n, cache)
			}
		}
	}
}

func checkInfo(t *testing.T, s *Sealed, rows []SealedRow) {
	info := s.Info()
	if info.Rows != uint64(len(rows)) || info.Keys != uint64(len(sealedKeys(rows))) || len(info.Streams) != 3 || info.Database != [16]byte{7} || info.Created != 99 {
		t.Errorf("summary %+v", info)
	}
	var sum, want SealedStream
	for i := range info.Streams {
		st := &info.Streams[i]
		if st.Def != sealedDefs[i] {
			t.Errorf("stream %+v, want %+v", st.Def, sealedDefs[i])
		}
		sum.Changes += st.Changes
		sum.Deletes += st.Deletes
		sum.Heartbeats += st.Heartbeats
		sum.Retractions += st.Retractions
		sum.Unchanged += st.Unchanged
		sum.IDs += st.IDs
	}
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range rows {
		r := &rows[i]
		*[...]*uint64{&want.Changes, &want.Deletes, &want.Heartbeats, &want.Retractions}[r.Kind]++
		if r.Unchanged {
			want.Unchanged++
		}
		if r.ID != "" {
			want.IDs++
		}
		lo, hi = min(lo, r.Time), max(hi, r.Time)
	}
	if sum != want || info.MinTime != lo || info.MaxTime != hi || info.IDs != want.IDs || info.Retractions != want.Retractions {
		t.Errorf("summary %+v counts %+v, want %+v and times %d to %d", info, sum, want, lo, hi)
	}
}

func checkKeys(t *testing.T, s *Sealed, keys []Keyed) {
	for i, want := range keys {
		got, ok, err := s.Key(want.Stream, want.Name, Hash(want.Stream, want.Name))
		if err != nil || !ok || got != want {
			t.Fatalf("Key(%d, %q) = %+v, %v, %v, want %+v", want.Stream, want.Name, got, ok, err, want)
		}
		if _, ok, err := s.Key(want.Stream, want.Name+"x", Hash(want.Stream, want.Name+"x")); ok || err != nil {
			t.Fatalf("key %q is there, %v", want.Name+"x", err)
		}
		for _, row := range []uint64{want.Row, want.Row + uint64(want.Rows()) - 1} {
			if k, err := s.KeyOf(row); err != nil || k != want {
				t.Fatalf("KeyOf(%d) = %+v, %v, want %+v", row, k, err, want)
			}
		}
		c := s.Seek(want.Stream, want.Name)
		if k, ok, err := c.Next(); !ok || err != nil || k != want {
			t.Fatalf("Next from %q = %+v, %v, %v", want.Name, k, ok, err)
		}
		c = s.Seek(want.Stream, want.Name+"\x00")
		if i+1 < len(keys) && keys[i+1].Stream == want.Stream {
			if k, ok, err := c.Next(); !ok || err != nil || k != keys[i+1] {
				t.Fatalf("Next behind %q = %+v, %v, %v", want.Name, k, ok, err)
			}
			c.Prev()
		} else if _, ok, _ := c.Next(); ok {
			t.Fatalf("a key behind the last one, %q", want.Name)
		}
		if k, ok, err := c.Prev(); !ok || err != nil || k != want {
			t.Fatalf("Prev behind %q = %+v, %v, %v", want.Name, k, ok, err)
		}
	}
	for _, stream := range []uint32{0, 2, 4, 5} {
		c, e := s.Seek(stream, ""), s.SeekEnd(stream)
		if _, ok, err := c.Next(); ok || err != nil {
			t.Errorf("stream %d has a key, %v", stream, err)
		}
		if _, ok, err := e.Prev(); ok || err != nil {
			t.Errorf("stream %d has a key, %v", stream, err)
		}
	}
}

// checkUntil walks the keys of the stream by time up to some moments, both ways.
func checkUntil(t *testing.T, s *Sealed, rows []SealedRow, keys []Keyed) {
	for range 5 {
		at := rows[rand.IntN(len(rows))].Time - rand.Int64N(2)
		var want, there, back []Keyed
		for _, k := range keys {
			if k.Stream == 1 && k.Changes > 0 && rows[k.Row].Time <= at {
				want = append(want, k)
			}
		}
		c, e := s.Seek(1, ""), s.SeekEnd(1)
		c.Until(at)
		e.Until(at)
		for k, ok, err := c.Next(); ok || err != nil; k, ok, err = c.Next() {
			if there = append(there, k); err != nil {
				t.Fatal(err)
			}
		}
		for k, ok, err := e.Prev(); ok || err != nil; k, ok, err = e.Prev() {
			if back = append(back, k); err != nil {
				t.Fatal(err)
			}
		}
		slices.Reverse(back)
		if !slices.Equal(there, want) || !slices.Equal(back, want) {
			t.Fatalf("keys until %d are %d and %d backwards, want %d of %d", at, len(there), len(back), len(want), len(keys))
		}
	}
}

func checkRows(t *testing.T, s *Sealed, rows []SealedRow) {
	stamps := make([]Stamp, len(rows))
	if err := s.Stamps(0, stamps); err != nil {
		t.Fatal(err)
	}
	keys := sealedKeys(rows)
	checkUntil(t, s, rows, keys)
	for i := range keys {
		k := &keys[i]
		for row := k.Row; row < k.Row+uint64(k.Rows()); row++ {
			want := &rows[row]
			r, err := s.Row(k, row)
			if err != nil {
				t.Fatal(err)
			}
			if diff := sameRow(&r, want); diff != "" {
				t.Fatalf("Row(%d): %s", row, diff)
			}
			if diff := sameFew(s, k, row, want); diff != "" {
				t.Fatalf("Row(%d) with few fields: %s", row, diff)
			}
			stamp := Stamp{want.Time, want.Seq, want.Kind, want.Unchanged}
			if one, err := s.Stamp(row); err != nil || one != stamp || stamps[row] != stamp {
				t.Fatalf("Stamp(%d) = %+v, %v, Stamps %+v, want %+v", row, one, err, stamps[row], stamp)
			}
			if row >= k.Row+uint64(k.Changes) {
				continue
			}
			last := int(row - k.Row) // of those at the same time
			for last+1 < k.Changes && rows[k.Row+uint64(last)+1].Time == want.Time {
				last++
			}
			n, err := s.SearchSeq(k, want.Seq)
			last2 := int(row - k.Row)
			if k.Stream == 1 {
				n, err = s.Search(k, want.Time)
				last2 = last
				if st, m, err := s.Last(k, want.Time); err != nil || m != n || st != stamps[k.Row+uint64(last)] {
					t.Fatalf("Last of row %d = %+v of %d, %v, want %+v of %d", row, st, m, err, stamps[k.Row+uint64(last)], n)
				}
			}
			if err != nil || n != last2+1 {
				t.Fatalf("search of row %d = %d, %v, want %d", row, n, err, last2+1)
			}
		}
	}
	if _, err := s.Row(&keys[0], uint64(len(rows))+1); err == nil {
		t.Error("a row that is not there is read")
	}
}

// sameFew is sameRow of a row that is read with every other of its fields, from the
// last one on.
func sameFew(s *Sealed, k *Keyed, row uint64, want *SealedRow) string {
	few := *want
	few.list, few.fields, few.listed = nil, "", true
	m := RowReader{Only: []string{"none"}}
	all, _ := want.Fields()
	for i, f := range all {
		if (len(all)-i)%2 == 1 {
			few.list, m.Only = append(few.list, f), append(m.Only, f.Name)
		}
	}
	got, err := m.Row(s, k, row)
	if err != nil {
		return err.Error()
	}
	return sameRow(&got, &few)
}

func checkScans(t *testing.T, s *Sealed, rows []SealedRow) {
	c := s.Rows(0)
	for i := range rows {
		r, err := c.Next()
		if err != nil || r == nil {
			t.Fatalf("Rows ends at row %d, %v", i, err)
		}
		if diff := sameRow(r, &rows[i]); diff != "" {
			t.Fatalf("Rows, row %d: %s", i, diff)
		}
	}
	if r, err := c.Next(); r != nil || err != nil {
		t.Errorf("Rows goes on: %v, %v", r, err)
	}
	bySeq := slices.Clone(rows)
	slices.SortFunc(bySeq, func(a, b SealedRow) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, from := range []int{0, len(rows) / 3} {
		i := from
		for r, err := range byPosition(s.ByPosition(sealedFirst+uint64(from), math.MaxInt64)) {
			if err != nil {
				t.Fatal(err)
			}
			if diff := sameRow(r, &bySeq[i]); diff != "" {
				t.Fatalf("ByPosition: %s", diff)
			}
			i++
		}
		if i != len(rows) {
			t.Errorf("ByPosition from %d ends at %d of %d", from, i, len(rows))
		}
	}
}

func checkBatches(t *testing.T, s *Sealed, n int) {
	first, recorded := sealedBatches(n)
	for i := range first {
		last := s.info.Last
		if i+1 < len(first) {
			last = first[i+1] - 1
		}
		for _, seq := range []uint64{first[i], last} {
			a, b, r, err := s.BatchOf(seq)
			if err != nil || a != first[i] || b != last || r != recorded[i] {
				t.Fatalf("BatchOf(%d) = %d, %d, %d, %v, want %d, %d, %d", seq, a, b, r, err, first[i], last, recorded[i])
			}
			if r, err := s.Recorded(seq); err != nil || r != recorded[i] {
				t.Fatalf("Recorded(%d) = %d, %v", seq, r, err)
			}
		}
		if by, err := s.RecordedBy(recorded[i]); err != nil || by != last {
			t.Fatalf("RecordedBy = %d, %v, want %d", by, err, last)
		}
		if by, err := s.RecordedBy(recorded[i] - 1); err != nil || by != first[i]-1 {
			t.Fatalf("RecordedBy just before = %d, %v, want %d", by, err, first[i]-1)
		}
	}
	for _, seq := range []uint64{0, sealedFirst - 1, s.info.Last + 1} {
		if _, err := s.Recorded(seq); err == nil {
			t.Errorf("position %d has a commit time", seq)
		}
	}
}

func checkIDs(t *testing.T, s *Sealed, rows []SealedRow) {
	for i := range rows {
		r := &rows[i]
		if i%100 == 0 {
			k, _ := s.KeyOf(uint64(i))
			at, content, ok, err := s.StateAt(&k, uint64(i)+50)
			if err != nil || !ok || at != uint64(i) || content != fmt.Sprintf("state before row %d", i) {
				t.Fatalf("StateAt(%d) = %d, %q, %v, %v", i, at, content, ok, err)
			}
		}
		if r.ID == "" {
			continue
		}
		row, key, ok, err := s.ID(r.Stream, r.ID)
		if err != nil || !ok || row != uint64(i) || key.Name != r.Key {
			t.Fatalf("ID(%q) = %d, %q, %v, %v, want %d, %q", r.ID, row, key.Name, ok, err, i, r.Key)
		}
		for _, other := range []uint32{1, 3} {
			if _, _, ok, err := s.ID(other, r.ID); err != nil || ok != (other == r.Stream) {
				t.Fatalf("ID(%q) of stream %d: %v, %v", r.ID, other, ok, err)
			}
		}
	}
}

func checkColumns(t *testing.T, s *Sealed, rows []SealedRow) {
	var c Columns
	for _, span := range [][2]int{{0, len(rows)}, {len(rows) / 2, len(rows) - len(rows)/2}, {len(rows) - 1, 1}, {0, 0}} {
		from, n := span[0], span[1]
		if err := s.Columns(uint64(from), n, &c); err != nil {
			t.Fatal(err)
		}
		got := make([]Fields, n)
		for i := range c.Fields {
			f := &c.Fields[i]
			for r := range n {
				if j, ok := f.Find(r); ok {
					got[r] = append(got[r], Field{f.Name, f.Value(j)})
				}
			}
		}
		for i := range n {
			r := &rows[from+i]
			want := Stamp{r.Time, r.Seq, r.Kind, r.Unchanged}
			if c.Stamp(i) != want || c.Recorded[i] != r.Recorded || uint64(c.Version[i]) != r.Version || len(got[i]) != len(r.list) {
				t.Fatalf("Columns, row %d: %+v, recorded %d, version %d, %d fields, want %+v", from+i, c.Stamp(i), c.Recorded[i], c.Version[i], len(got[i]), r)
			}
			for _, f := range r.list {
				if !slices.Contains(got[i], f) {
					t.Fatalf("Columns, row %d has no %v", from+i, f)
				}
			}
		}
	}
}

// However many rows are read, the memory of several is taken at once.
func TestRowReader_TakesMemoryOfSeveral(t *testing.T) {
	var m RowReader
	from := SealedRow{Row: Row{Type: "moved", list: Fields{Int64("a", 1), String("b", "x")}, listed: true}}
	read := func() {
		if got := m.Keep(&from); got.Type != "moved" || !got.list.Equal(from.list) {
			t.Fatalf("kept %+v", got)
		}
	}
	for range 10_000 {
		read()
	}
	if per := testing.AllocsPerRun(1000, read); per > 0.5 {
		t.Errorf("%v allocations a row", per)
	}
}
