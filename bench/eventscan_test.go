package main

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Count, sum and greatest of a field by type by day: of -events events, or of those
// of 1 % of the keys. It ends with the bytes of pages that were decoded, and with the
// events a worker takes in a second. A scan of no columns says what finding the rows
// costs, of all, and of the half whose value is great.
//
//	go test ./bench -run '^$' -bench EventScan -benchtime 10x
//	go test ./bench -run '^$' -bench EventScan -benchtime 20x -events 10000000 -dir /tmp -timeout 0
func BenchmarkEventScan(b *testing.B) {
	s, l, _ := ready(b, 0, "uniform-100k")
	db := s.(*side.Engine).DB
	var few []string
	var places []int
	for i := 0; i < len(l.Keys); i += 100 {
		few, places = append(few, l.Keys[i]), append(places, i)
	}
	for _, keys := range []struct {
		name   string
		list   []string
		places []int
	}{{"all", nil, nil}, {"1%", few, places}} {
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("of=type-day/keys=%s/workers=%d", keys.name, workers), func(b *testing.B) {
				want := l.Totals(*eventsFlag, load.Day, keys.places)
				eventScan(b, db, store.EventScan{Keys: keys.list, Workers: workers, Columns: []string{segment.ColumnType, segment.ColumnTime, "value"}}, want)
			})
		}
	}
	b.Run("of=nothing/keys=all", func(b *testing.B) {
		eventScan(b, db, store.EventScan{}, nil)
	})
	b.Run("of=count/where=value", func(b *testing.B) {
		rows := eventScan(b, db, store.EventScan{Where: index.Range{Column: "value", Lo: index.Bound{Value: index.Float64Of(500)}}}, nil)
		want := 0
		for i := range *eventsFlag {
			if l.Reading(i).Value >= 500 {
				want++
			}
		}
		if rows != want {
			b.Fatalf("%d rows, want %d", rows, want)
		}
	})
}

func eventScan(b *testing.B, db *store.DB, q store.EventScan, want map[load.Window]load.Total) (rows int) {
	q.Stream = side.Stream
	var stats store.ScanStats
	workers := q.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
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
		if want == nil {
			continue
		}
		all := &days[0]
		for i := range days[1:] {
			all.merge(&days[1+i])
		}
		if err := load.CheckTotals(want, all.visit); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(stats.Read.Rows)/1e6, "Mrows/op")
	b.ReportMetric(float64(stats.Read.Bytes)/(1<<20), "MiB/op")
	b.ReportMetric(float64(stats.Read.Rows)*float64(b.N)/b.Elapsed().Seconds()/float64(workers), "rows/s/worker")
	return stats.Read.Rows
}

// dailySums groups batches: of a day and a type by number.
type dailySums struct {
	days  map[int64][]load.Total
	types map[string]int
	ids   []int // by code of the batch's dictionary

	// Of the rows selected, if they are not all.
	codes  []uint32
	values []float64
	times  []int64
}

func (d *dailySums) add(b *store.EventBatch) error {
	d.open()
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
	codes, floats := chosen(&d.codes, types[0].Texts.Codes, b.Selected), chosen(&d.values, values[0].Floats, b.Selected)
	if stats, ok, err := b.Stats(1); err != nil {
		return err
	} else if ok {
		if day := stats[0].Min.Time().UnixNano() / int64(load.Day); day == stats[0].Max.Time().UnixNano()/int64(load.Day) {
			sumBy(d.of(day), d.ids, codes, floats)
			return nil
		}
	}
	times, err := b.Column(1)
	if err != nil {
		return err
	}
	for from, ns := 0, chosen(&d.times, times[0].Ints, b.Selected); from < len(ns); {
		day := ns[from] / int64(load.Day)
		to := from + 1
		for first := day * int64(load.Day); to < len(ns) && uint64(ns[to]-first) < uint64(load.Day); to++ {
		}
		sumBy(d.of(day), d.ids, codes[from:to], floats[from:to])
		from = to
	}
	return nil
}

// chosen is the values of the rows selected, nil for all, in space if need be.
func chosen[T any](space *[]T, v []T, selected []uint16) []T {
	if selected == nil {
		return v
	}
	*space = (*space)[:0]
	for _, row := range selected {
		*space = append(*space, v[row])
	}
	return *space
}

func (d *dailySums) open() {
	if d.days == nil {
		d.days, d.types = map[int64][]load.Total{}, map[string]int{}
	}
}

func sumBy(groups []load.Total, ids []int, codes []uint32, values []float64) {
	values = values[:len(codes)]
	for i, c := range codes {
		g := &groups[ids[c]]
		g.Count++
		g.Sum += values[i]
		if values[i] > g.Max {
			g.Max = values[i]
		}
	}
}

// of is the groups of a day, for all types.
func (d *dailySums) of(day int64) []load.Total {
	groups := d.days[day]
	for len(groups) < len(d.types) {
		groups = append(groups, load.Total{})
	}
	d.days[day] = groups
	return groups
}

func (d *dailySums) merge(o *dailySums) {
	d.open()
	for typ := range o.types {
		if _, ok := d.types[typ]; !ok {
			d.types[typ] = len(d.types)
		}
	}
	for day, groups := range o.days {
		for typ, id := range o.types {
			if id < len(groups) {
				d.of(day)[d.types[typ]].Merge(groups[id])
			}
		}
	}
}

func (d *dailySums) visit(visit func(w load.Window, t load.Total)) error {
	for day, groups := range d.days {
		for typ, id := range d.types {
			if id < len(groups) && groups[id].Count > 0 {
				visit(load.Window{Type: typ, Start: day * int64(load.Day)}, groups[id])
			}
		}
	}
	return nil
}
