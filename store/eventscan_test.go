package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// scanColumns are those of the events' fields and all others.
var scanColumns = []string{"b", segment.ColumnSeq, segment.ColumnTime, "a", segment.ColumnRecorded, segment.ColumnVersion,
	segment.ColumnType, segment.ColumnKind, segment.ColumnID, "none", "c"}

// asText is an event as text, without the order of its fields and what no column has.
func asText(e *Event) string {
	fields := slices.Clone(e.Fields)
	slices.SortFunc(fields, func(a, b Field) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	text := fmt.Sprint(e.Seq, e.Key, e.Type, e.Kind, e.ID, e.Time.UnixNano(), e.Recorded.UnixNano(), e.Version)
	for _, f := range fields {
		text += fmt.Sprintf(" %s=%v:%x", f.Name, f.Value.Kind(), string(segment.AppendFields(nil, Fields{f})))
	}
	return text
}

// eventsOf is the selected events of a batch.
func eventsOf(b *EventBatch) (events []Event, err error) {
	events = make([]Event, b.Rows)
	for i := range scanColumns {
		parts, err := b.Column(i)
		if err != nil {
			return nil, err
		}
		stats, known, err := b.Stats(i)
		if err != nil {
			return nil, err
		}
		for j := range parts {
			if err := takeColumn(events, scanColumns[i], &parts[j]); err != nil {
				return nil, err
			}
			if known {
				if err := checkStats(&parts[j], stats, b.Whole()); err != nil {
					return nil, fmt.Errorf("statistics of column %q: %w", scanColumns[i], err)
				}
			}
		}
	}
	runs, err := b.Keys()
	if err != nil {
		return nil, err
	}
	names, err := b.KeyNames(nil)
	if err != nil {
		return nil, err
	}
	for i, r := range runs {
		to := b.Rows
		if i+1 < len(runs) {
			to = runs[i+1].Row
		}
		name, err := b.KeyName(r.Key)
		if err == nil && name != names[i] {
			err = fmt.Errorf("key %d is %q and %q", r.Key, name, names[i])
		}
		if err != nil {
			return nil, err
		}
		for row := r.Row; row < to; row++ {
			events[row].Key = name
		}
	}
	if b.Selected == nil {
		return events, nil
	}
	selected := make([]Event, len(b.Selected))
	for i, row := range b.Selected {
		selected[i] = events[row]
	}
	return selected, nil
}

func takeColumn(events []Event, name string, f *segment.FieldColumn) error {
	values := 0
	for row := range events {
		at, ok := f.Find(row)
		if !ok {
			continue
		}
		values++
		e, v := &events[row], f.Value(at)
		switch name {
		case segment.ColumnSeq:
			e.Seq = uint64(v.Int64())
		case segment.ColumnTime:
			e.Time = v.Time()
		case segment.ColumnRecorded:
			e.Recorded = v.Time()
		case segment.ColumnVersion:
			e.Version = uint64(v.Int64())
		case segment.ColumnType:
			e.Type = v.Str()
		case segment.ColumnKind:
			e.Kind = Kind(v.Int64())
		case segment.ColumnID:
			e.ID = v.Str()
		default:
			e.Fields = append(e.Fields, Field{Name: f.Name, Value: v})
		}
	}
	if values == 0 {
		return fmt.Errorf("column %q, %v has no values and should not be there", name, f.Kind)
	}
	return nil
}

// checkStats holds what is said of a column of ints against its values.
func checkStats(f *segment.FieldColumn, all []segment.PageStats, whole bool) error {
	i := slices.IndexFunc(all, func(s segment.PageStats) bool { return s.Kind == f.Kind })
	if f.Kind == NullValue {
		return nil
	}
	if i < 0 {
		return fmt.Errorf("there are none of %v", f.Kind)
	}
	if !all[i].HasSum {
		return nil
	}
	sum, lo, hi := int64(0), f.Ints[0], f.Ints[0]
	for _, x := range f.Ints {
		sum, lo, hi = sum+x, min(lo, x), max(hi, x)
	}
	if min, max := intOf(all[i].Min), intOf(all[i].Max); lo < min || hi > max || whole && (lo != min || hi != max || sum != all[i].Sum || len(f.Ints) != int(all[i].Count)) {
		return fmt.Errorf("%+v, the values have sum %d, from %d to %d", all[i], sum, lo, hi)
	}
	return nil
}

func intOf(v Value) int64 {
	switch v.Kind() {
	case BoolValue:
		if v.Bool() {
			return 1
		}
		return 0
	case TimeValue:
		return v.Time().UnixNano()
	}
	return v.Int64()
}

func (g *eventScript) predicate(depth int) index.Predicate {
	column := scanColumns[g.IntN(len(scanColumns))]
	if g.IntN(8) == 0 {
		column = segment.ColumnKey
	}
	value := func() index.Literal {
		switch column {
		case segment.ColumnSeq, segment.ColumnVersion, segment.ColumnKind:
			return index.Int64Of(g.Int64N(int64(g.seq)/(1+g.Int64N(400)) + 1))
		case segment.ColumnTime, segment.ColumnRecorded:
			return index.TimeOf(g.moment().UnixNano())
		case segment.ColumnType:
			return index.StringOf([]string{"", "made", "rare"}[g.IntN(3)])
		case segment.ColumnKey:
			return index.StringOf(fmt.Sprint([]string{"k", "kk", "l"}[g.IntN(3)], g.IntN(5)))
		case segment.ColumnID:
			return index.StringOf(fmt.Sprint("id", g.Uint64N(g.seq)))
		}
		return []index.Literal{index.Int64Of(1), index.Float64Of(1), index.StringOf("1"), index.BoolOf(true)}[g.IntN(4)]
	}
	switch n := g.IntN(9); {
	case n < 3 && depth > 0:
		parts := []index.Predicate{g.predicate(depth - 1), g.predicate(depth - 1)}
		return []index.Predicate{index.And(parts), index.Or(parts), index.Not{Of: parts[0]}}[n]
	case n < 5:
		return index.Range{Column: column, Lo: index.Bound{Value: value()}}
	case n < 7:
		return index.In{Column: column, Values: []index.Literal{value(), value()}}
	case n == 7:
		return index.IsNull{Column: column}
	}
	return index.Eq{Column: column, Value: value()}
}

func (g *eventScript) scan() (q EventScan) {
	q.Stream, q.Columns = scriptStreams[g.IntN(len(scriptStreams))].Name, scanColumns
	q.Retracted, q.Workers = g.IntN(3) == 0, g.IntN(4)
	if g.IntN(2) == 0 {
		q.Where = g.predicate(2)
	}
	if g.IntN(3) == 0 {
		q.From = uint64(g.IntN(len(g.key) + 10))
	}
	switch g.IntN(4) {
	case 0:
		q.Range = Range{From: []string{"", "k1", "kk"}[g.IntN(3)], To: []string{"", "kk3", "l"}[g.IntN(3)], Prefix: []string{"", "k"}[g.IntN(2)]}
	case 1:
		q.Keys = []string{"k1", "none", "l3", "kk4"}[:g.IntN(5)]
	}
	return q
}

// wants says it of one event, gone being the positions retracted.
func (q *EventScan) wants(e *Event, gone map[uint64]bool) bool {
	test := func(column string) (index.Literal, bool) {
		switch column {
		case segment.ColumnKey:
			return index.StringOf(e.Key), true
		case segment.ColumnSeq:
			return index.Int64Of(int64(e.Seq)), true
		case segment.ColumnTime:
			return index.TimeOf(e.Time.UnixNano()), true
		case segment.ColumnRecorded:
			return index.TimeOf(e.Recorded.UnixNano()), true
		case segment.ColumnVersion:
			return index.Int64Of(int64(e.Version)), true
		case segment.ColumnKind:
			return index.Int64Of(int64(e.Kind)), true
		case segment.ColumnType:
			return index.StringOf(e.Type), true
		case segment.ColumnID:
			if e.ID == "" {
				return index.Literal{}, false
			}
			return index.StringOf(e.ID), true
		}
		v, ok := e.Fields.Get(column)
		if !ok {
			return index.Literal{}, false
		}
		switch v.Kind() {
		case BoolValue:
			return index.BoolOf(v.Bool()), true
		case Int64Value:
			return index.Int64Of(v.Int64()), true
		case Float64Value:
			return index.Float64Of(v.Float64()), true
		case StringValue:
			return index.StringOf(v.Str()), true
		case BytesValue:
			return index.BytesOf(string(v.Bytes())), true
		case TimeValue:
			return index.TimeOf(v.Time().UnixNano()), true
		}
		return index.Literal{}, true
	}
	return e.Seq >= q.From && (q.Keys == nil || slices.Contains(q.Keys, e.Key)) && q.Range.has(e.Key) && (q.Retracted || !gone[e.Seq]) &&
		(q.Where == nil || q.Where.Test(test) == index.True)
}

func (g *eventScript) checkScans(t *testing.T, db *DB) {
	t.Helper()
	for range 40 {
		v := db.Latest()
		switch g.IntN(4) {
		case 0:
			v = mustView(t, db, AsOf(g.moment()), KnownAt(g.Uint64N(v.Seq()+1)))
		case 1:
			v = mustView(t, db, KnownAt(g.Uint64N(v.Seq()+1)))
		case 2:
			v = mustView(t, db, AsOf(g.moment()))
		}
		q := g.scan()
		var want, got []string
		events := collect(t, v.Events(EventQuery{Stream: q.Stream}))
		gone := map[uint64]bool{}
		for i := len(events) - 1; i >= 0; i-- { // the newest first: a retraction may be retracted
			if e := &events[i]; e.Kind == Retraction && !gone[e.Seq] {
				gone[e.Retracts] = true
			}
		}
		for i := range events {
			if e := &events[i]; q.wants(e, gone) {
				want = append(want, asText(e))
			}
		}
		var mu sync.Mutex
		stats, err := v.ScanEvents(bg, q, func(_ int, b *EventBatch) error {
			events, err := eventsOf(b)
			mu.Lock()
			defer mu.Unlock()
			for i := range events {
				got = append(got, asText(&events[i]))
			}
			return err
		})
		if err != nil || stats.Seq != v.Seq() {
			t.Fatalf("scan %+v: %v, at %d of %d", q, err, stats.Seq, v.Seq())
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Fatalf("scan %+v where %v at %d: %d events, want %d\n%q\n%q", q, q.Where, v.Seq(), len(got), len(want), got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
				}
			}
		}
	}
}

// A scan by columns gives the events that Events gives, less those retracted: in the
// log, sealed, merged and opened again, at any moment, by any number of workers, with
// columns of the log that are kept and without.
func TestView_ScanEventsAsEvents(t *testing.T) {
	for _, memory := range []int64{0, 256 << 10} {
		t.Run(fmt.Sprintf("memory=%d", memory), func(t *testing.T) { scanEventsAsEvents(t, memory) })
	}
}

func scanEventsAsEvents(t *testing.T, memory int64) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &eventScript{Rand: rand.New(rand.NewPCG(seed, 4)), key: map[uint64]string{}}
	dir, o := t.TempDir(), &Options{noSeal: true, SegmentSize: 20 << 10, Fanout: 3, Sync: SyncNever, MemoryBytes: memory}
	db := open(t, dir, o)
	for _, s := range scriptStreams {
		if err := db.Define(bg, s); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		g.append(t, db, 400)
		g.checkScans(t, db)
		g.append(t, db, 30)
		for range 2 { // before and after sealing and merging
			g.checkScans(t, db)
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
		g.append(t, db, 100)
		g.checkScans(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, dir, o)
		g.checkScans(t, db)
	}
}

// Blocks that are full, with few and with many rows wanted.
func TestView_ScanEventsOfBlocks(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, SegmentSize: 64 << 20, Fanout: 2, Sync: SyncNever})
	appendPlain(t, db, 30_000)
	for range 2 {
		for _, where := range []index.Predicate{
			nil,
			index.Eq{Column: segment.ColumnType, Value: index.StringOf("rare")},
			index.Range{Column: "i", Lo: index.Bound{Value: index.Int64Of(1990)}},
			index.Not{Of: index.Range{Column: "i", Lo: index.Bound{Value: index.Int64Of(100), Open: true}, Hi: index.Bound{Value: index.Int64Of(1500)}}},
			index.Range{Column: "f", Hi: index.Bound{Value: index.Float64Of(40), Open: true}},
			index.Range{Column: segment.ColumnVersion, Lo: index.Bound{Value: index.Int64Of(7)}, Hi: index.Bound{Value: index.Int64Of(9)}},
			index.Range{Column: segment.ColumnSeq, Lo: index.Bound{Value: index.Int64Of(29_000)}},
			index.Prefix{Column: segment.ColumnKey, Prefix: "k5"},
		} {
			checkBlockScan(t, db, where)
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
}

func checkBlockScan(t *testing.T, db *DB, where index.Predicate) {
	t.Helper()
	q := EventScan{Stream: "plain", Where: where, Columns: []string{"i", segment.ColumnSeq}}
	var want, got [2]int64
	for e, err := range db.Latest().Events(EventQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if q.wants(&e, nil) {
			i, _ := e.Fields.Get("i")
			want[0], want[1] = want[0]+1, want[1]+i.Int64()*int64(e.Seq)
		}
	}
	var mu sync.Mutex
	_, err := db.Latest().ScanEvents(bg, q, func(_ int, b *EventBatch) error {
		i, err := b.Column(0)
		if err != nil {
			return err
		}
		seq, err := b.Column(1)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		rows := b.Selected
		if rows == nil {
			for j := range b.Rows {
				rows = append(rows, uint16(j))
			}
		}
		for _, j := range rows {
			got[0], got[1] = got[0]+1, got[1]+i[0].Ints[j]*seq[0].Ints[j]
		}
		return nil
	})
	if err != nil || got != want || want[0] == 0 {
		t.Errorf("where %v: %v, %v, want %v", where, got, err, want)
	}
}

// A scan ends with the context, or with the error of who is visited.
// The parts of log files have each event once, whatever the number of workers and
// the last position seen, which may be in the middle of a batch.
func TestView_ScanEventsOfLogParts(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, SegmentSize: 600 << 10})
	const n = 20_000
	for i := 0; i < n; i += 8 {
		var b Batch
		for j := range 8 {
			b.Events = append(b.Events, Event{Stream: []string{"s", "t"}[j/4], Key: fmt.Sprint(i % 100), Fields: Fields{Int64("n", int64(i+j))}})
		}
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
	}
	for workers := range 9 {
		last := rand.Uint64N(n) + 1
		var mu sync.Mutex
		var got []int64
		stats, err := mustView(t, db, KnownAt(last)).ScanEvents(bg, EventScan{Stream: "s", Columns: []string{segment.ColumnSeq}, Workers: workers},
			func(_ int, b *EventBatch) error {
				parts, err := b.Column(0)
				if err == nil {
					mu.Lock()
					got = append(got, parts[0].Ints...)
					mu.Unlock()
				}
				return err
			})
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for seq := range int64(last) {
			if seq%8 < 4 {
				want = append(want, seq+1)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) || stats.Live != len(want) {
			t.Errorf("%d workers see %d events up to position %d, count %d, want %d", workers, len(got), last, stats.Live, len(want))
		}
	}
}

func TestView_ScanEventsEnds(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever})
	appendPlain(t, db, 30_000)
	if err := db.Seal(bg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bg)
	q, visits := EventScan{Stream: "plain", Workers: 1}, 0
	_, err := db.Latest().ScanEvents(ctx, q, func(int, *EventBatch) error {
		visits++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
	enough := errors.New("enough")
	if _, err := db.Latest().ScanEvents(bg, q, func(int, *EventBatch) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	for _, q := range []EventScan{{}, {Stream: "none"}, {Stream: "plain", Columns: []string{segment.ColumnKey}}} {
		if _, err := db.Latest().ScanEvents(bg, q, nil); err == nil {
			t.Errorf("%+v is no error", q)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Latest().ScanEvents(bg, q, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
