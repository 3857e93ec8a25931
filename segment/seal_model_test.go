package segment

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

// sealModel is events as a plain list, to hold sealed files against.
type sealModel struct {
	defs    []Stream
	events  []modelEvent // by position, from 1
	batches []modelBatch
}

// modelEvent is an event and what the engine would add.
type modelEvent struct {
	Event
	stream    uint32
	seq       uint64
	version   uint64
	time      int64
	recorded  int64
	unchanged bool
	ref       uint64
}

// modelBatch is the events from first up to the next batch.
type modelBatch struct {
	first    uint64
	recorded int64
}

var modelDatabase = [16]byte{7, 1, 9}

// newSealModel is n random events of all kinds over a few streams and so many
// keys.
func newSealModel(rnd *rand.Rand, n, keys int) *sealModel {
	m := &sealModel{defs: []Stream{
		{Number: 1, Name: "readings", Fold: "replace"},
		{Number: 2, Name: "commits", Fold: "merge", ByArrival: true},
		{Number: 5, Name: "prices", Fold: "merge", OnlyChanges: true},
		{Number: 9, Name: "silent", Fold: "replace"},
	}}
	versions := map[string]uint64{}
	recorded := int64(1_700_000_000_000_000_000)
	for len(m.events) < n {
		recorded += 1 + rnd.Int64N(1e7)
		m.batches = append(m.batches, modelBatch{uint64(len(m.events)) + 1, recorded})
		for range min(1+rnd.IntN(1+rnd.IntN(300)), n-len(m.events)) {
			e := m.draw(rnd, keys, recorded)
			name := fmt.Sprint(e.stream, e.Key)
			versions[name]++
			e.version = versions[name]
			m.events = append(m.events, e)
		}
	}
	return m
}

func (m *sealModel) draw(rnd *rand.Rand, keys int, recorded int64) modelEvent {
	def := m.defs[min(rnd.IntN(3), rnd.IntN(3))]
	e := modelEvent{stream: def.Number, seq: uint64(len(m.events)) + 1, recorded: recorded, time: recorded}
	e.Event = Event{Stream: def.Name, Key: fmt.Sprintf("key-%d", rnd.IntN(keys)), Type: []string{"", "made", "moved", "sold"}[rnd.IntN(4)]}
	switch p := rnd.IntN(100); {
	case p < 3:
		e.time -= rnd.Int64N(int64(time.Hour)) // late
	case p < 20:
		e.time = recorded - rnd.Int64N(5)*1000 // equal times
	case p == 99 && rnd.IntN(10) == 0:
		e.time = []int64{math.MinInt64, math.MaxInt64, 0}[rnd.IntN(3)]
	}
	if rnd.IntN(10) == 0 {
		e.ID = fmt.Sprintf("id-%d", e.seq)
	}
	switch p := rnd.IntN(20); {
	case p == 0:
		e.Kind = Delete
	case p <= 2:
		e.Kind = Heartbeat
	case p == 3 && e.seq > 1:
		e.Kind, e.ref = Retraction, 1+rnd.Uint64N(e.seq-1)
		e.Retracts = e.ref
	case p <= 5 && e.seq > 1:
		e.unchanged, e.ref = true, 1+rnd.Uint64N(e.seq-1)
		e.Same = e.ref
	}
	if e.Kind <= Delete {
		e.Fields = drawFields(rnd)
	}
	return e
}

// drawFields is the fields of one of a few sorts of event, some of them left out,
// in another order, null, or of another kind than usual.
func drawFields(rnd *rand.Rand) Fields {
	fs := Fields{
		Float64("value", float64(rnd.IntN(100000))/100), Int64("count", rnd.Int64N(1000)),
		String("status", []string{"nominal", "degraded", "offline"}[rnd.IntN(3)]),
	}
	switch rnd.IntN(8) {
	case 0:
		fs = append(fs, Null("note"), Bool("ok", rnd.IntN(2) == 0))
	case 1:
		fs = Fields{String("note", fmt.Sprint("text ", rnd.Uint64())), Bytes("raw", []byte{0, byte(rnd.IntN(256)), 255})}
	case 2:
		fs[0] = Float64("value", math.Float64frombits(rnd.Uint64()))
		fs[1] = Int64("count", int64(rnd.Uint64()))
	case 3:
		fs[0], fs[2] = fs[2], Int64("value", 7)
	case 4:
		fs = append(fs, Field{"at", Value{kind: TimeValue, bits: rnd.Uint64()}}, Field{"doc", JSONOf([]byte(`{"a": [1, 2]}`))})
	case 5:
		fs = fs[:rnd.IntN(4)]
	case 6:
		fs = append(fs, String(fmt.Sprint("rare", rnd.IntN(20)), ""))
	}
	return fs
}

func (m *sealModel) byArrival(stream uint32) bool { return stream == 2 }

// head is the head of a file of the events of the batches [from, to).
func (m *sealModel) head(from, to int) SealedHead {
	h := SealedHead{First: m.batches[from].first, Last: uint64(len(m.events)), Database: modelDatabase, Created: 42, Defs: m.defs}
	if to < len(m.batches) {
		h.Last = m.batches[to].first - 1
	}
	return h
}

// frames is the batches [from, to) as a log file has them.
func (m *sealModel) frames(from, to int) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		var buf []byte
		for b := from; b < to; b++ {
			h := m.head(b, b+1)
			buf = BeginFrame(buf[:0])
			for _, e := range m.events[h.First-1 : h.Last] {
				buf, _ = AppendRow(buf, 1, &e.Event, e.stream, e.version, e.recorded-e.time, e.unchanged)
			}
			f := Frame{Marker: EventFrame, Rows: int(h.Last - h.First + 1), First: h.First, Recorded: m.batches[b].recorded}
			buf = EndFrame(buf, 0, 1, &f)
			f = FrameIn(buf, LogHead)
			if !yield(&f, nil) {
				return
			}
		}
	}
}

// seal seals the batches [from, to) and opens the file.
func (m *sealModel) seal(t testing.TB, w Work, from, to int) *Sealed {
	t.Helper()
	path, size, err := Seal(w, m.head(from, to), m.frames(from, to))
	if err != nil {
		t.Fatal(err)
	}
	return openModel(t, w, path, size)
}

func openModel(t testing.TB, w Work, path string, size int64) *Sealed {
	t.Helper()
	s, err := OpenSealed(w.FS, path, NewCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if got := s.Info().Bytes; got != size {
		t.Fatalf("%s has %d bytes, it was said to have %d", path, got, size)
	}
	return s
}

// class is where the event stands among those of its key.
func (e *modelEvent) class() int { return int(classes[e.Kind]) }

// sorted is the events of the positions [first, last] in the order of a file.
func (m *sealModel) sorted(first, last uint64) []*modelEvent {
	var events []*modelEvent
	for i := first; i <= last; i++ {
		events = append(events, &m.events[i-1])
	}
	sort.SliceStable(events, func(i, j int) bool {
		a, b := events[i], events[j]
		switch {
		case a.stream != b.stream:
			return a.stream < b.stream
		case a.Key != b.Key:
			return a.Key < b.Key
		case a.class() != b.class():
			return a.class() < b.class()
		case a.time != b.time && !m.byArrival(a.stream):
			return a.time < b.time
		}
		return a.seq < b.seq
	})
	return events
}

// checkRow compares a row read with the event it should be.
func checkRow(t testing.TB, what string, r *SealedRow, e *modelEvent) {
	t.Helper()
	fs, err := r.Fields()
	if err != nil {
		t.Fatalf("%s: fields of position %d: %v", what, e.seq, err)
	}
	same := slices.Equal(fs, e.Fields)
	if !same || r.Seq != e.seq || r.Time != e.time || r.Recorded != e.recorded || r.Kind != e.Kind || r.Unchanged != e.unchanged ||
		r.Stream != e.stream || r.Version != e.version || r.Lag != e.recorded-e.time || r.Key != e.Key || r.Type != e.Type ||
		r.ID != e.ID || r.Ref != e.ref {
		t.Fatalf("%s: got %+v\nfields %v\nwant %+v", what, r, fs, e)
	}
}

// check holds all that s says against the model.
func (m *sealModel) check(t testing.TB, s *Sealed) {
	t.Helper()
	info := s.Info()
	if info.Database != modelDatabase || info.Created != 42 || info.Rows != info.Last-info.First+1 {
		t.Fatalf("info of %s: %+v", s.Path, info)
	}
	want := m.sorted(info.First, info.Last)
	m.checkRows(t, s, want)
	m.checkPositions(t, s)
	m.checkKeys(t, s, want)
	if err := s.Verify(func(int64) bool { return true }); err != nil {
		t.Fatalf("verify %s: %v", s.Path, err)
	}
}

func (m *sealModel) checkRows(t testing.TB, s *Sealed, want []*modelEvent) {
	t.Helper()
	stamps := make([]Stamp, len(want))
	if err := s.Stamps(0, stamps); err != nil {
		t.Fatal(err)
	}
	rows := s.Rows(0)
	for i, e := range want {
		r, err := rows.Next()
		if err != nil || r == nil {
			t.Fatalf("row %d of %s: %v, %v", i, s.Path, r, err)
		}
		checkRow(t, fmt.Sprintf("row %d of %s", i, s.Path), r, e)
		if st := (Stamp{e.time, e.seq, e.Kind, e.unchanged}); stamps[i] != st {
			t.Fatalf("stamp %d of %s: got %+v, want %+v", i, s.Path, stamps[i], st)
		}
		if e.ID != "" {
			m.checkID(t, s, uint64(i), e)
		}
	}
	if r, err := rows.Next(); r != nil || err != nil {
		t.Fatalf("behind the last row of %s: %v, %v", s.Path, r, err)
	}
}

func (m *sealModel) checkID(t testing.TB, s *Sealed, row uint64, e *modelEvent) {
	t.Helper()
	got, k, ok, err := s.ID(e.stream, e.ID)
	if err != nil || !ok || got != row || k.Name != e.Key {
		t.Fatalf("ID %q of %s: row %d, key %q, %v, %v; want row %d, key %q", e.ID, s.Path, got, k.Name, ok, err, row, e.Key)
	}
}

func (m *sealModel) checkPositions(t testing.TB, s *Sealed) {
	t.Helper()
	next := s.Info().First
	for r, err := range byPosition(s.ByPosition(s.Info().First, s.Info().Last)) {
		if err != nil {
			t.Fatal(err)
		}
		checkRow(t, "by position in "+s.Path, r, &m.events[next-1])
		next++
	}
	if next != s.Info().Last+1 {
		t.Fatalf("by position in %s: ends before %d", s.Path, next)
	}
	for i, b := range m.batches {
		h := m.head(i, i+1)
		if h.First < s.Info().First || h.Last > s.Info().Last {
			continue
		}
		first, last, recorded, err := s.BatchOf((h.First + h.Last) / 2)
		if err != nil || first != h.First || last != h.Last || recorded != b.recorded {
			t.Fatalf("batch of %d: %d to %d at %d, %v; want %d to %d at %d", h.First, first, last, recorded, err, h.First, h.Last, b.recorded)
		}
	}
}

// checkKeys holds the directory of s against the events in its order.
func (m *sealModel) checkKeys(t testing.TB, s *Sealed, events []*modelEvent) {
	t.Helper()
	keys := uint64(0)
	for row := 0; row < len(events); keys++ {
		want := Keyed{Stream: events[row].stream, Name: events[row].Key, Row: uint64(row), Base: math.MaxUint64}
		for ; row < len(events) && events[row].stream == want.Stream && events[row].Key == want.Name; row++ {
			*[]*int{&want.Changes, &want.Beats, &want.Retractions}[events[row].class()]++
			want.Last, want.Base = max(want.Last, events[row].seq), min(want.Base, events[row].version)
		}
		got, ok, err := s.Key(want.Stream, want.Name, Hash(want.Stream, want.Name))
		if err != nil || !ok || got != want {
			t.Fatalf("key of %s: got %+v, %v, %v\nwant %+v", s.Path, got, ok, err, want)
		}
	}
	if keys != s.Info().Keys {
		t.Fatalf("%s says it has %d keys, it has %d", s.Path, s.Info().Keys, keys)
	}
}
