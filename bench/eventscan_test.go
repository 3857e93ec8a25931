package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Count, sum and greatest of a field by type by day: of -events events, or of those
// of 1 % of the keys. It ends with the bytes of pages that were decoded, and with the
// time an event takes a processor. A scan of no columns says what finding the rows
// costs.
//
//	go test ./bench -run '^$' -bench EventScan -benchtime 10x
//	go test ./bench -run '^$' -bench EventScan -benchtime 20x -events 10000000 -dir /tmp -timeout 0
func BenchmarkEventScan(b *testing.B) {
	s, l, _ := ready(b, 0, "uniform-100k")
	db := s.(*annals).db
	few := make([]string, 0, len(l.keys)/100)
	for i := 0; i < len(l.keys); i += 100 {
		few = append(few, l.keys[i])
	}
	for _, keys := range []struct {
		name string
		list []string
	}{{"all", nil}, {"1%", few}} {
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("of=type-day/keys=%s/workers=%d", keys.name, workers), func(b *testing.B) {
				want := dailyOf(l, keys.list)
				eventScan(b, db, store.EventScan{Keys: keys.list, Workers: workers, Columns: []string{segment.ColumnType, segment.ColumnTime, "value"}}, want)
			})
		}
	}
	b.Run("of=nothing/keys=all", func(b *testing.B) {
		eventScan(b, db, store.EventScan{}, nil)
	})
}

func eventScan(b *testing.B, db *store.DB, q store.EventScan, want map[daily]sums) {
	q.Stream = stream
	var stats store.ScanStats
	workers := max(q.Workers, runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	for b.Loop() {
		days := make([]dailySums, workers)
		var err error
		stats, err = db.Latest().ScanEvents(context.Background(), q, func(worker int, batch *store.EventBatch) error {
			if want == nil {
				return nil
			}
			return days[worker].add(batch)
		})
		if err != nil {
			b.Fatal(err)
		}
		if want != nil {
			checkDaily(b, days, want)
		}
	}
	b.ReportMetric(float64(stats.Read.Rows)/1e6, "Mrows/op")
	b.ReportMetric(float64(stats.Read.Bytes)/(1<<20), "MiB/op")
	b.ReportMetric(float64(stats.Read.Rows)*float64(b.N)/b.Elapsed().Seconds()/float64(max(q.Workers, 1)), "rows/s/worker")
}

// daily is a group, sums what is known of it.
type daily struct {
	typ string
	day int64
}

type sums struct {
	n        int
	sum, max float64
}

func (s *sums) add(o *sums) { s.n, s.sum, s.max = s.n+o.n, s.sum+o.sum, max(s.max, o.max) }

const dayNanos = 24 * 60 * 60 * 1_000_000_000

// dailySums groups batches: of a day and a type by number.
type dailySums struct {
	days  map[int64][]sums
	types map[string]int
	ids   []int // by code of the batch's dictionary
}

func (d *dailySums) add(b *store.EventBatch) error {
	if d.days == nil {
		d.days, d.types = map[int64][]sums{}, map[string]int{}
	}
	types, err := b.Column(0)
	if err != nil {
		return err
	}
	values, err := b.Column(2)
	if err != nil || len(values) == 0 {
		return err
	}
	d.ids = d.ids[:0]
	for _, word := range types[0].Texts.Dict {
		id, ok := d.types[word]
		if !ok {
			id = len(d.types)
			d.types[word] = id
		}
		d.ids = append(d.ids, id)
	}
	codes, floats := types[0].Texts.Codes, values[0].Floats
	if stats, ok, err := b.Stats(1); err != nil {
		return err
	} else if ok {
		if day := stats[0].Min.Time().UnixNano() / dayNanos; day == stats[0].Max.Time().UnixNano()/dayNanos {
			sumBy(d.of(day), d.ids, codes, floats)
			return nil
		}
	}
	times, err := b.Column(1)
	if err != nil {
		return err
	}
	for from, ns := 0, times[0].Ints; from < len(ns); {
		day := ns[from] / dayNanos
		to := from + 1
		for first := day * dayNanos; to < len(ns) && uint64(ns[to]-first) < dayNanos; to++ {
		}
		sumBy(d.of(day), d.ids, codes[from:to], floats[from:to])
		from = to
	}
	return nil
}

func sumBy(groups []sums, ids []int, codes []uint32, values []float64) {
	values = values[:len(codes)]
	for i, c := range codes {
		g := &groups[ids[c]]
		g.n++
		g.sum += values[i]
		if values[i] > g.max {
			g.max = values[i]
		}
	}
}

// of is the groups of a day, for all types.
func (d *dailySums) of(day int64) []sums {
	groups := d.days[day]
	for len(groups) < len(d.types) {
		groups = append(groups, sums{max: math.Inf(-1)})
	}
	d.days[day] = groups
	return groups
}

// dailyOf is the groups as the load has them.
func dailyOf(l *load, keys []string) map[daily]sums {
	wanted := map[string]bool{}
	for _, k := range keys {
		wanted[k] = true
	}
	all := map[daily]sums{}
	for i := range *eventsFlag {
		if keys != nil && !wanted[l.key(i)] {
			continue
		}
		s := l.sample(i)
		k := daily{s.typ, l.nanos(i) / dayNanos}
		g, ok := all[k]
		if !ok {
			g.max = math.Inf(-1)
		}
		g.add(&sums{1, s.value, s.value})
		all[k] = g
	}
	return all
}

func checkDaily(b *testing.B, parts []dailySums, want map[daily]sums) {
	b.Helper()
	got := map[daily]sums{}
	for i := range parts {
		for day, groups := range parts[i].days {
			for typ, id := range parts[i].types {
				if id >= len(groups) || groups[id].n == 0 {
					continue
				}
				g, ok := got[daily{typ, day}]
				if !ok {
					g.max = math.Inf(-1)
				}
				g.add(&groups[id])
				got[daily{typ, day}] = g
			}
		}
	}
	for k, w := range want {
		if g := got[k]; g.n != w.n || g.max != w.max || math.Abs(g.sum-w.sum) > 1e-6*w.sum {
			b.Fatalf("%+v: %+v, want %+v", k, g, w)
		}
	}
	if len(got) != len(want) {
		b.Fatalf("%d groups, want %d", len(got), len(want))
	}
}
