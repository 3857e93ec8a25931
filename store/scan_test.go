package store

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
)

// scanScript puts random events over many keys into streams of each kind.
type scanScript struct {
	rnd     *rand.Rand
	retract bool                // there are retractions
	batches int                 // so far
	seqs    map[string][]uint64 // of changes by stream and key
}

// moment is up to some seconds behind the first event.
func (g *scanScript) moment(seconds int) time.Time {
	return time.Date(2024, 3, 1, 0, 0, g.rnd.IntN(seconds), 0, time.UTC)
}

// time is when the next event happened: in the second of its batch or near it, or,
// in the first half, long before, so that files of the second have none of then.
func (g *scanScript) time() time.Time {
	if g.batches < 50 && g.rnd.IntN(50) == 0 {
		return g.moment(g.batches)
	}
	return time.Date(2024, 3, 1, 0, 0, g.batches+g.rnd.IntN(3), 0, time.UTC)
}

var scanStreams = []Stream{{Name: "replace"}, {Name: "merge", Fold: Merge}, {Name: "arrival", Order: ByArrival}}

const scanTestKeys = 1500

func scanKey(i int) string { return fmt.Sprintf("key-%05d", i*7) }

func (g *scanScript) batch() (b Batch) {
	g.batches++
	for range 100 {
		e := Event{
			Stream: scanStreams[g.rnd.IntN(len(scanStreams))].Name, Key: scanKey(g.rnd.IntN(scanTestKeys)), Type: "t",
			Time: g.time(),
		}
		seqs := g.seqs[e.Stream+e.Key]
		switch n := g.rnd.IntN(100); {
		case n < 5:
			e.Kind = Delete
		case n < 7 && len(seqs) > 0 && g.retract:
			e.Kind, e.Retracts = Retraction, seqs[g.rnd.IntN(len(seqs))]
		default:
			e.Fields = Fields{Int64("n", g.rnd.Int64()), String("s", fmt.Sprint("text ", n))}
		}
		b.Events = append(b.Events, e)
	}
	return b
}

func (g *scanScript) append(t *testing.T, db *DB) {
	b := g.batch()
	r, err := db.Append(bg, b)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range b.Events {
		if e.Kind == Change {
			g.seqs[e.Stream+e.Key] = append(g.seqs[e.Stream+e.Key], r.First+uint64(i))
		}
	}
}

// A scan of many legs says what Get says of each key, in either direction, however
// soon its caller stops, while files are sealed and merged beneath it.
func TestView_ScanIsGetOfEach(t *testing.T) {
	for _, retract := range []bool{false, true} {
		t.Run(fmt.Sprint("retract=", retract), func(t *testing.T) {
			seed := rand.Uint64()
			t.Log("seed", seed)
			scanAndGet(t, &scanScript{rnd: rand.New(rand.NewPCG(seed, 1)), retract: retract, seqs: map[string][]uint64{}})
		})
	}
}

func scanAndGet(t *testing.T, g *scanScript) {
	db := open(t, t.TempDir(), &Options{SegmentSize: 64 << 10, Fanout: 4, Sync: SyncNever})
	for _, s := range scanStreams {
		if err := db.Define(bg, s); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		g.append(t, db)
	}
	if err := db.Seal(bg); err != nil {
		t.Fatal(err)
	}
	views := []*View{db.Latest(), mustView(t, db, KnownAt(5000))}
	for range 2 {
		at := AsOf(g.moment(100))
		views = append(views, mustView(t, db, at), mustView(t, db, at, KnownAt(uint64(g.rnd.IntN(10_000)))))
	}
	rest := make([]Batch, 40)
	for i := range rest {
		rest[i] = g.batch()
	}
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for _, b := range rest {
			if _, err := db.Append(bg, b); err != nil {
				t.Error(err)
			}
		}
	})
	for _, v := range views {
		for _, s := range scanStreams {
			g.check(t, v, s.Name)
		}
	}
}

func (g *scanScript) check(t *testing.T, v *View, stream string) {
	t.Helper()
	var all []State
	for i := range scanTestKeys {
		st, ok, err := v.Get(stream, scanKey(i))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			all = append(all, st)
		}
	}
	from, to := scanKey(g.rnd.IntN(scanTestKeys)), scanKey(g.rnd.IntN(scanTestKeys))
	for _, r := range []Range{{}, {From: from}, {To: to}, {From: min(from, to), To: max(from, to)}, {Prefix: "key-05"}} {
		want := slices.DeleteFunc(slices.Clone(all), func(s State) bool { return !r.has(s.Key) })
		checkScan(t, v, stream, r, want, g.rnd.IntN(len(want)+1))
		g.checkKeyScan(t, v, stream, r, want)
		r.Reverse = true
		slices.Reverse(want)
		checkScan(t, v, stream, r, want, g.rnd.IntN(len(want)+1))
	}
}

// checkScan scans to the end, and once more up to n states.
func checkScan(t *testing.T, v *View, stream string, r Range, want []State, n int) {
	t.Helper()
	i := 0
	for st, err := range v.Scan(stream, r) {
		if err != nil || i == len(want) || !reflect.DeepEqual(st, want[i]) {
			t.Fatalf("scan %q %+v of %+v: state %d of %d is %+v, %v", stream, r, v, i, len(want), st, err)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("scan %q %+v of %+v: %d states, want %d", stream, r, v, i, len(want))
	}
	i = 0
	for st, err := range v.Scan(stream, r) {
		if i == n {
			break
		}
		if err != nil || st.Key != want[i].Key {
			t.Fatalf("scan %q %+v of %+v: state %d is of key %q, %v, want %q", stream, r, v, i, st.Key, err, want[i].Key)
		}
		i++
	}
}
