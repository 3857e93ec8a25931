package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// The state of a random key at a random moment of -events events, beside bbolt: of
// any key with equal chance, which may have no state then, or of one drawn as the
// events were. It ends with the memory that takes, of Options.MemoryBytes 512 MiB.
// The databases are made by the first run with a -dir and found by the next.
//
//	go test ./bench -run '^$' -bench AsOf -benchtime 3s
//	go test ./bench -run '^$' -bench AsOf/of=.*/keys=uniform-100k -benchtime 5s -events 10000000 -dir /tmp -timeout 0
//
// How it grows:
//
//	for n in 1000000 10000000 100000000; do
//	  go test ./bench -run '^$' -bench AsOf/of=annals/keys=uniform-100k -benchtime 5s -events $n -dir /tmp -timeout 0
//	done
func BenchmarkAsOf(b *testing.B) {
	for _, keys := range []string{"uniform-100k", "zipf-100k", "zipf-100k-frequent"} {
		eachSide(b, "/keys="+keys, func(b *testing.B, of int) {
			name, frequent := strings.CutSuffix(keys, "-frequent")
			s, l, memory := ready(b, of, name)
			asOf(b, s, l, frequent)
			memory.report(b)
		})
	}
}

// warm is how many reads come before those that are measured.
const warm = 100_000

func asOf(b *testing.B, s side.AsOf, l *load.Load, frequent bool) {
	rnd := rand.New(rand.NewPCG(10, 10))
	draw := func() (string, int64) {
		if frequent {
			return l.Key(rnd.IntN(*eventsFlag)), l.Moment(*eventsFlag, rnd)
		}
		return l.Keys[rnd.IntN(len(l.Keys))], l.Moment(*eventsFlag, rnd)
	}
	ask := func() time.Duration {
		key, t := draw()
		start := time.Now()
		if _, _, err := s.AsOf(key, t); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	for range min(warm, *eventsFlag) {
		ask()
	}
	var lat latencies
	b.ReportAllocs()
	for b.Loop() {
		lat.Add(ask())
	}
	lat.report(b)
}

// The states of all keys at the moment in the middle of -events events, beside a
// bbolt cursor that seeks each key. Of the 100,000 zipf keys 97,000 have one then
// with 10 M events.
//
//	go test ./bench -run '^$' -bench StatesAt -benchtime 10x
//	go test ./bench -run '^$' -bench StatesAt -benchtime 10x -events 10000000 -dir /tmp -timeout 0
func BenchmarkStatesAt(b *testing.B) {
	for _, keys := range []string{"uniform-100k", "zipf-100k"} {
		eachSide(b, "/keys="+keys, func(b *testing.B, of int) {
			s, l, memory := ready(b, of, keys)
			middle, n := l.End(*eventsFlag/2), 0
			want, err := l.CheckStates(*eventsFlag, middle, func(visit func(string, load.Reading)) error { return s.States(middle, visit) })
			if err != nil {
				b.Fatal(err)
			}
			memory.Forget()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.States(middle, func(string, load.Reading) { n++ }); err != nil {
					b.Fatal(err)
				}
			}
			if n != b.N*want {
				b.Fatalf("there were %d states in %d scans, want %d in each", n, b.N, want)
			}
			b.ReportMetric(float64(want), "states/op")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "states/s")
			memory.report(b)
		})
	}
}

// The whole history of the most frequent of the zipf keys, which has 13 % of
// -events events, or of a random one: as transitions with the state before and
// after each, as columns, and by a bbolt cursor.
//
//	go test ./bench -run '^$' -bench History -benchtime 3s
//	go test ./bench -run '^$' -bench History/of=.*/key=hot -benchtime 5x -events 10000000 -dir /tmp -timeout 0
func BenchmarkHistory(b *testing.B) {
	for _, which := range []string{"hot", "random"} {
		eachSide(b, "/key="+which, func(b *testing.B, of int) {
			s, l, memory := ready(b, of, "zipf-100k")
			if e, ours := s.(*side.Engine); ours {
				s = transitions{e}
			}
			histories(b, s, l, memory, which)
		})
		b.Run("of=annals-columns/key="+which, func(b *testing.B) {
			s, l, memory := ready(b, 0, "zipf-100k")
			histories(b, s, l, memory, which)
		})
	}
}

func histories(b *testing.B, s history, l *load.Load, memory resident, which string) {
	if err := l.CheckHistory(*eventsFlag, 0, func(visit func(load.Reading)) error { return s.History(l.Keys[0], visit) }); err != nil {
		b.Fatal(err)
	}
	memory.Forget()
	rnd := rand.New(rand.NewPCG(11, 11))
	key, n, sum := l.Keys[0], 0, 0.0
	b.ReportAllocs()
	for b.Loop() {
		if which == "random" {
			key = l.Keys[rnd.IntN(len(l.Keys))]
		}
		if err := s.History(key, func(r load.Reading) { n, sum = n+1, sum+r.Value }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "events/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	memory.report(b)
}
