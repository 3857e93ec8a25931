package bench

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// What one would build on bbolt: one bucket with each event under its key and its
// inverted time, so that the state of a key at a moment is where a seek ends. It
// keeps no positions, versions or commit times. The settings are those that its
// documentation advises, puts are in the order of the keys, a value is bytes that
// are told quickly, and what is read is copied out of the transaction at once.

var boltEvents = []byte("events")

// boltOptions are the settings that suit bbolt best. Without a synced list of free
// pages a commit writes less and an open for writing reads the whole tree.
func boltOptions() *bolt.Options {
	return &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType, NoStatistics: true}
}

// bbolt is the other side.
type bbolt struct {
	db   *bolt.DB
	load *load
	rows []boltRow // of a batch
	seek []byte    // of a read
}

type boltRow struct{ key, value []byte }

func openBolt(dir string, l *load, p purpose) (side, error) {
	path, o := filepath.Join(dir, "bolt.db"), boltOptions()
	o.NoSync, o.ReadOnly = p == building, p == asking
	_, missing := os.Stat(path)
	db, err := bolt.Open(path, 0o644, o)
	if err != nil {
		return nil, err
	}
	if missing != nil {
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket(boltEvents)
			return err
		})
	}
	return &bbolt{db: db, load: l}, err
}

func (d *bbolt) put(from, to int) error {
	d.rows = d.rows[:0]
	keys := make([]byte, 0, (to-from)*32)
	for i := from; i < to; i++ {
		at := len(keys)
		keys = boltKey(keys, d.load.key(i), d.load.nanos(i))
		d.rows = append(d.rows, boltRow{keys[at:len(keys):len(keys)], d.load.sample(i).row})
	}
	slices.SortFunc(d.rows, func(x, y boltRow) int { return bytes.Compare(x.key, y.key) })
	return d.db.Update(func(tx *bolt.Tx) error {
		events := tx.Bucket(boltEvents)
		for _, r := range d.rows {
			if err := events.Put(r.key, r.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *bbolt) settle() (time.Time, error) { return time.Now(), nil }

func (d *bbolt) asOf(key string, t time.Time) (r reading, ok bool, err error) {
	d.seek = boltKey(d.seek[:0], key, t.UnixNano())
	err = d.db.View(func(tx *bolt.Tx) error {
		if k, v := tx.Bucket(boltEvents).Cursor().Seek(d.seek); hasKey(k, key) {
			r, ok = boltReading(k, v), true
		}
		return nil
	})
	return r, ok, err
}

// statesAt seeks each key of the load: it need not find out which there are.
func (d *bbolt) statesAt(t time.Time, visit func(key string, r reading)) error {
	return d.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(boltEvents).Cursor()
		for _, key := range d.load.keys {
			d.seek = boltKey(d.seek[:0], key, t.UnixNano())
			if k, v := c.Seek(d.seek); hasKey(k, key) {
				visit(key, boltReading(k, v))
			}
		}
		return nil
	})
}

// history goes from the newest to the oldest.
func (d *bbolt) history(key string, visit func(r reading)) error {
	return d.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(boltEvents).Cursor()
		for k, v := c.Seek([]byte(key)); hasKey(k, key); k, v = c.Next() {
			visit(boltReading(k, v))
		}
		return nil
	})
}

func (d *bbolt) Close() error { return d.db.Close() }

// boltKey appends what an event of key at a time is stored under: the key, all of
// which are equally long here, and 8 bytes that fall as time rises.
func boltKey(dst []byte, key string, nanos int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, key...), ^uint64(nanos))
}

// hasKey reports whether an event stored under k is one of key.
func hasKey(k []byte, key string) bool { return len(k) == len(key)+8 && string(k[:len(key)]) == key }

// boltValue appends what is stored of r besides its key and time: three numbers,
// the count with as many bytes as it needs, and two texts with a byte of length.
func boltValue(dst []byte, r *reading) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(r.value))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(r.voltage))
	dst = append(append(dst, byte(len(r.typ))), r.typ...)
	dst = append(append(dst, byte(len(r.status))), r.status...)
	return binary.AppendVarint(dst, r.count)
}

// boltReading is what boltKey and boltValue stored.
func boltReading(key, value []byte) (r reading) {
	r.nanos = int64(^binary.BigEndian.Uint64(key[len(key)-8:]))
	r.value = math.Float64frombits(binary.LittleEndian.Uint64(value))
	r.voltage = math.Float64frombits(binary.LittleEndian.Uint64(value[8:]))
	text := string(value[16:]) // copied once, for both
	r.typ, text = text[1:1+text[0]], text[1+text[0]:]
	r.status = text[1 : 1+text[0]]
	r.count, _ = binary.Varint(value[18+len(r.typ)+len(r.status):])
	return r
}
