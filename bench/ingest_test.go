package bench

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/store"
)

// An ingest in batches of 1000 events, each durable, with the state kept; one
// iteration is a whole ingest into a new database. events/s is up to the last
// acknowledgement, closed-events/s up to the end of Close, when all of the state
// is in bbolt. The bbolt database beside it keeps the same events and the same
// state, a durable transaction a batch; it gets a tenth of the events, for it
// would take too long.
//
//	go test ./bench -run '^$' -bench Ingest/of= -benchtime 3x
//	go test ./bench -run '^$' -bench Ingest/of=annals -benchtime 1x -events 10000000
func BenchmarkIngest(b *testing.B) {
	b.Run("of=annals/keys=zipf-100k", func(b *testing.B) { ingest(b, zipf()) })
	b.Run("of=annals/keys=uniform-1M", func(b *testing.B) { ingest(b, uniform()) })
	b.Run("of=bbolt/keys=zipf-100k", func(b *testing.B) { ingestBolt(b, zipf()) })
	b.Run("of=bbolt/keys=uniform-1M", func(b *testing.B) { ingestBolt(b, uniform()) })
}

func ingest(b *testing.B, l *load) {
	var appended, closed time.Duration
	var log, state int64
	b.ReportAllocs()
	report := watchMemory(b)
	for b.Loop() {
		b.StopTimer()
		dir := tempDir(b)
		b.StartTimer()
		start := time.Now()
		db, err := store.Open(dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		l.append(b, db, 0, *eventsFlag, batchSize)
		appended += time.Since(start)
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		closed += time.Since(start)
		log, state = diskBytes(b, dir, "*.log"), diskBytes(b, dir, "state.db")
	}
	report()
	all := float64(b.N) * float64(*eventsFlag)
	b.ReportMetric(all/appended.Seconds(), "events/s")
	b.ReportMetric(all/closed.Seconds(), "closed-events/s")
	b.ReportMetric(float64(log)/float64(*eventsFlag), "log-B/event")
	b.ReportMetric(float64(state)/float64(*eventsFlag), "state-B/event")
}

var (
	boltEvents = []byte("events")
	boltState  = []byte("state")
)

// openBolt opens a bbolt database with the settings that suit it best and two
// buckets, closed with the benchmark.
func openBolt(b *testing.B, path string, durable bool) *bolt.DB {
	b.Helper()
	db, err := bolt.Open(path, 0o644, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType, NoSync: !durable})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	err = db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucket(boltEvents); err != nil {
			return err
		}
		_, err := tx.CreateBucket(boltState)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func ingestBolt(b *testing.B, l *load) {
	n := max(*eventsFlag/10, batchSize)
	var bytes int64
	b.ReportAllocs()
	report := watchMemory(b)
	for b.Loop() {
		b.StopTimer()
		dir := tempDir(b)
		b.StartTimer()
		db := openBolt(b, dir+"/bolt.db", true)
		for from := 0; from < n; from += batchSize {
			if err := l.putBolt(db, from, min(from+batchSize, n)); err != nil {
				b.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		bytes = diskBytes(b, dir, "*")
	}
	report()
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(n), "disk-B/event")
}

// putBolt stores the events from to to in one transaction: each under its
// position, and as the state of its key, in key order as bbolt likes it. The
// last of a batch wins, later or not: it does less than it should.
func (l *load) putBolt(db *bolt.DB, from, to int) error {
	order := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(x, y int) int { return strings.Compare(l.key(x), l.key(y)) })
	return db.Update(func(tx *bolt.Tx) error {
		events, state := tx.Bucket(boltEvents), tx.Bucket(boltState)
		events.FillPercent = 1 // only appended to
		for i := from; i < to; i++ {
			if err := events.Put(binary.BigEndian.AppendUint64(nil, uint64(i)), l.row(i)); err != nil {
				return err
			}
		}
		for _, i := range order {
			if err := state.Put([]byte(l.key(i)), l.row(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// key is the key of event i.
func (l *load) key(i int) string { return l.keys[l.draw[i%len(l.draw)]] }

// row is event i without its stream, as a program on bbolt would store it.
func (l *load) row(i int) []byte {
	row := binary.BigEndian.AppendUint64(nil, uint64(l.time(i).UnixNano()))
	return append(append(row, l.key(i)...), l.pool[i%len(l.pool)].json...)
}
