package machine

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Limit is something that no database on the machine can do faster.
type Limit struct {
	Name string
	What string
	Unit string // of the rate: "B/s", or what a step is, "/s"
	// measure runs in a directory of its own for about d and says the rate.
	measure func(dir string, d time.Duration) (float64, error)
}

// Limits are all that is measured.
var Limits = []Limit{
	{"sync", "200 B over zeros on disk, and fdatasync", "syncs/s", syncPreallocated},
	{"sync-idle", "10 KB over zeros on disk, and fdatasync, 5 ms after the one before", "syncs/s", syncIdle},
	{"sync-growing", "200 B at the end of a growing file, and fdatasync", "syncs/s", syncGrowing},
	{"write", "sequential write, 1 MiB at a time, and fdatasync at the end", "B/s", sequentialWrite},
	{"read", "sequential read from the page cache, 64 KiB at a time", "B/s", cachedRead},
	{"copy", "memory copy, 64 MiB", "B/s", memoryCopy},
	{"sum", "sum of a slice of 8 M float64", "values/s", floatSum},
	{"crc", "CRC-32C, 1 MiB", "B/s", checksum},
	{"bolt-get", "bbolt get of one of 100,000 keys, a transaction each", "gets/s", boltGet},
	{"map-get", "Go map get of one of 100,000 keys", "gets/s", mapGet},
}

// LimitOf is the limit of a name.
func LimitOf(name string) (Limit, error) {
	for _, l := range Limits {
		if l.Name == name {
			return l, nil
		}
	}
	return Limit{}, fmt.Errorf("the machine has no limit %q", name)
}

// Measure says the rate per second, measured for about d in a directory made in dir.
func (l Limit) Measure(dir string, d time.Duration) (rate float64, err error) {
	dir, err = os.MkdirTemp(dir, "annals-bench-limit-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if rate, err = l.measure(dir, d); err != nil {
		err = fmt.Errorf("measure limit %s: %w", l.Name, err)
	}
	return rate, err
}

// repeat runs step, worth n, once at least and until d has passed, and says how much
// it was worth a second.
func repeat(d time.Duration, n float64, step func() error) (float64, error) {
	if err := step(); err != nil { // once to warm up
		return 0, err
	}
	total, start := 0.0, time.Now()
	for total == 0 || time.Since(start) < d {
		if err := step(); err != nil {
			return 0, err
		}
		total += n
	}
	return total / time.Since(start).Seconds(), nil
}

// repeatRandom is repeat of 64 steps that get a random number below size each.
func repeatRandom(d time.Duration, size int, step func(i int) error) (float64, error) {
	x := uint64(1)
	return repeat(d, 64, func() error {
		for range 64 {
			x = x*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
			if err := step(int(x >> 33 % uint64(size))); err != nil {
				return err
			}
		}
		return nil
	})
}

// syncSize is about what an append of one event writes.
const syncSize = 200

func syncPreallocated(dir string, d time.Duration) (float64, error) {
	loop, err := NewSyncLoop(dir, syncSize)
	if err != nil {
		return 0, err
	}
	defer loop.Close()
	return repeat(d, 1, loop.Step)
}

// syncIdle counts the syncs' time alone, not that between them.
func syncIdle(dir string, d time.Duration) (float64, error) {
	loop, err := NewSyncLoop(dir, 10_000)
	if err != nil {
		return 0, err
	}
	defer loop.Close()
	syncs, busy := 0, time.Duration(0)
	for start := time.Now(); syncs == 0 || time.Since(start) < d; syncs++ {
		time.Sleep(5 * time.Millisecond)
		begin := time.Now()
		if err := loop.Step(); err != nil {
			return 0, err
		}
		busy += time.Since(begin)
	}
	return float64(syncs) / busy.Seconds(), nil
}

func syncGrowing(dir string, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data := bytes.Repeat([]byte{0xa5}, syncSize)
	return repeat(d, 1, func() error {
		if _, err := f.Write(data); err != nil {
			return err
		}
		return SyncData(f)
	})
}

const piece = 1 << 20

// sequentialWrite counts the sync that makes all of it durable.
func sequentialWrite(dir string, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data := bytes.Repeat([]byte{0xa5}, piece)
	written, start := 0, time.Now()
	for written == 0 || time.Since(start) < d {
		if _, err := f.Write(data); err != nil {
			return 0, err
		}
		written += len(data)
	}
	err = SyncData(f)
	return float64(written) / time.Since(start).Seconds(), err
}

func cachedRead(dir string, d time.Duration) (float64, error) {
	const size = 64 * piece
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, size)); err != nil {
		return 0, err
	}
	buffer := make([]byte, 64<<10)
	return repeat(d, size, func() error {
		for at := int64(0); at < size; at += int64(len(buffer)) {
			if _, err := f.ReadAt(buffer, at); err != nil && err != io.EOF {
				return err
			}
		}
		return nil
	})
}

func memoryCopy(_ string, d time.Duration) (float64, error) {
	from, to := bytes.Repeat([]byte{0xa5}, 64*piece), make([]byte, 64*piece)
	return repeat(d, float64(len(from)), func() error {
		copy(to, from)
		return nil
	})
}

func floatSum(_ string, d time.Duration) (float64, error) {
	values, sum := make([]float64, 8<<20), 0.0
	for i := range values {
		values[i] = 1
	}
	rate, err := repeat(d, float64(len(values)), func() error {
		sum = 0
		for _, v := range values {
			sum += v
		}
		return nil
	})
	if sum != float64(len(values)) {
		return 0, errors.New("the sum is wrong")
	}
	return rate, err
}

func checksum(_ string, d time.Duration) (float64, error) {
	data, table, sum := bytes.Repeat([]byte{0xa5}, piece), crc32.MakeTable(crc32.Castagnoli), uint32(0)
	rate, err := repeat(d, piece, func() error {
		sum ^= crc32.Checksum(data, table)
		return nil
	})
	if sum != 0 && sum != crc32.Checksum(data, table) {
		return 0, errors.New("the checksum is wrong")
	}
	return rate, err
}

const numKeys = 100_000

func keys() [][]byte {
	keys := make([][]byte, numKeys)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "device-%06d", i)
	}
	return keys
}

// boltGet looks at the length of values of 40 bytes only.
func boltGet(dir string, d time.Duration) (float64, error) {
	db, err := bolt.Open(filepath.Join(dir, "bolt.db"), 0o644, &bolt.Options{NoSync: true, NoStatistics: true})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	bucket, keys := []byte("state"), keys()
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(bucket)
		for i := 0; i < len(keys) && err == nil; i++ {
			err = b.Put(keys[i], make([]byte, 40))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return repeatRandom(d, numKeys, func(i int) error {
		return db.View(func(tx *bolt.Tx) error {
			if len(tx.Bucket(bucket).Get(keys[i])) != 40 {
				return errors.New("a key is missing")
			}
			return nil
		})
	})
}

func mapGet(_ string, d time.Duration) (float64, error) {
	m, keys := make(map[string]int, numKeys), keys()
	for i, key := range keys {
		m[string(key)] = i
	}
	return repeatRandom(d, numKeys, func(i int) error {
		if m[string(keys[i])] != i {
			return errors.New("a key is missing")
		}
		return nil
	})
}
