package bench

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
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

func asOf(b *testing.B, s side, l *load, frequent bool) {
	rnd := rand.New(rand.NewPCG(10, 10))
	draw := func() (string, time.Time) {
		if frequent {
			return l.key(rnd.IntN(*eventsFlag)), l.moment(rnd)
		}
		return l.keys[rnd.IntN(len(l.keys))], l.moment(rnd)
	}
	ask := func() time.Duration {
		key, t := draw()
		start := time.Now()
		if _, _, err := s.asOf(key, t); err != nil {
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
		lat.add(ask())
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
			middle := loadStart.Add(time.Duration(*eventsFlag/2) * time.Millisecond)
			want, n := l.checkStates(b, s, middle), 0
			memory.forget()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.statesAt(middle, func(string, reading) { n++ }); err != nil {
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
			histories(b, s, l, memory, which)
		})
		b.Run("of=annals-columns/key="+which, func(b *testing.B) {
			s, l, memory := ready(b, 0, "zipf-100k")
			histories(b, columnar{s.(*annals)}, l, memory, which)
		})
	}
}

func histories(b *testing.B, s side, l *load, memory *resident, which string) {
	l.checkHistory(b, s, 0)
	memory.forget()
	rnd := rand.New(rand.NewPCG(11, 11))
	key, n, sum := l.keys[0], 0, 0.0
	b.ReportAllocs()
	for b.Loop() {
		if which == "random" {
			key = l.keys[rnd.IntN(len(l.keys))]
		}
		if err := s.history(key, func(r reading) { n, sum = n+1, sum+r.value }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "events/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	memory.report(b)
}
