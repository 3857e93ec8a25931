package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// # Aggregates in bbolt
//
// Each has a bucket, named by aggregateBucket and the fingerprint of its definition.
// Its keys are those of cells, see [aggregate.Cells.AppendKey], and two of a byte, of
// the basis and of a bucket of levels, whose keys are a byte, the level, and the key
// of the cell. All values end with 4 bytes CRC32C of key and value, little endian, for
// bbolt has no checksums.
//
//	basis  uvarint position; varint from, ns; uvarint length, bytes of the watermark
//	cell   see [aggregate.Cells.AppendCell]; of windows before from, and of events that
//	       are all retracted, without rows: it says how many came late
const aggregateBucket = "aggregate "

func bucketOf(d aggregate.Definition) []byte { return []byte(aggregateBucket + d.Fingerprint()) }

// The keys of the basis and of the bucket of levels. Cells have keys of 8 bytes or
// more.
var (
	basisKey  = []byte{0}
	levelsKey = []byte{1}
)

// cellKeyLeast is the least length of a cell's key.
const cellKeyLeast = 8

// sealCell appends the checksum of a value, which begins at from, and its key.
func sealCell(dst []byte, from int, key []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, dst[from:])
	return binary.LittleEndian.AppendUint32(dst, sum)
}

// openCell is a value without its checksum, which must match.
func openCell(key, value []byte) ([]byte, error) {
	n := len(value) - 4
	if n < 0 || crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value[:n]) != binary.LittleEndian.Uint32(value[n:]) {
		return nil, fmt.Errorf("value of key %x: %w", key, errRecord)
	}
	return value[:n], nil
}

// errUnbuilt: bbolt cannot be asked, or not be believed: the events are.
var errUnbuilt = errors.New("not kept")

// view runs f on what bbolt has, if it can be believed; [errUnbuilt] if not. What f
// finds wrong is noted as damage.
func (s *states) view(f func(tx *bolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.damage.Load() != nil || s.db == nil || !s.checked.Load() {
		return errUnbuilt
	}
	err := guard(func() error { return s.db.View(f) })
	if errors.Is(err, errRecord) || errors.Is(err, errPanic) {
		err = fmt.Errorf("aggregates: %w", err)
		s.damage.CompareAndSwap(nil, &err)
	}
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return errUnbuilt
	}
	return err
}

// noteAggregate notes that what is kept of an aggregate is damaged.
func (s *states) noteAggregate(name string, err error) {
	err = fmt.Errorf("aggregate %q: %w", name, err)
	s.damage.CompareAndSwap(nil, &err)
}

// basis is that of a bucket, before all positions if it is not there. It is false while
// bbolt cannot be asked.
func (s *states) basis(bucket []byte, newest uint64) (b *basis, ok bool) {
	err := s.view(func(tx *bolt.Tx) (err error) {
		b, err = basisIn(tx.Bucket(bucket))
		if err == nil && !b.none && b.position > newest {
			err = fmt.Errorf("basis at position %d of %d: %w", b.position, newest, errRecord)
		}
		return err
	})
	return b, err == nil
}

// basisIn reads the basis of a bucket, which may be nil.
func basisIn(b *bolt.Bucket) (*basis, error) {
	if b == nil {
		return &basis{from: noWindows, none: true}, nil
	}
	value, err := openCell(basisKey, b.Get(basisKey))
	if err != nil {
		return nil, err
	}
	d := segment.NewDecoder(string(value))
	at := &basis{position: d.Uvarint(), from: d.Varint()}
	at.mark = []byte(d.Text())
	if d.Bad() || d.Rest() != "" {
		return nil, fmt.Errorf("basis: %w", errRecord)
	}
	return at, nil
}

func (at *basis) put(b *bolt.Bucket) error {
	v := binary.AppendVarint(binary.AppendUvarint(nil, at.position), at.from)
	v = append(binary.AppendUvarint(v, uint64(len(at.mark))), at.mark...)
	return b.Put(basisKey, sealCell(v, 0, basisKey))
}

// same reports whether both are the same moment of one bucket.
func (at *basis) same(o *basis) bool {
	return o != nil && at.none == o.none && (at.none || at.position == o.position && at.from == o.from)
}

// cellPut is a cell to be written; a nil value takes it away.
type cellPut struct{ key, value []byte }

// putCells writes cells, in the order of their keys, on top of a bucket that is at
// from, and makes it be at to; then runs on it, in the same transaction.
func (s *states) putCells(bucket []byte, from, to *basis, puts []cellPut, then func(b *bolt.Bucket) error) error {
	return s.update(func(tx *bolt.Tx) error {
		have, err := basisIn(tx.Bucket(bucket))
		if err == nil && !have.same(from) {
			err = errMoved
		}
		if err != nil {
			return err
		}
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		b.FillPercent = fillPercent
		if err = putAll(b, puts); err == nil {
			err = to.put(b)
		}
		if err == nil {
			err = then(b)
		}
		return err
	})
}

func putAll(b *bolt.Bucket, puts []cellPut) (err error) {
	for _, p := range puts {
		if p.value == nil {
			err = b.Delete(p.key)
		} else {
			err = b.Put(p.key, p.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errMoved: a bucket is not where it was left; bbolt's file was built anew.
var errMoved = errors.New("it was built anew")

// dropAggregate takes a bucket away.
func (s *states) dropAggregate(bucket []byte) error {
	return s.update(func(tx *bolt.Tx) error {
		if tx.Bucket(bucket) == nil {
			return nil
		}
		return tx.DeleteBucket(bucket)
	})
}

// dropStrays takes the buckets of aggregates away that are not kept.
func (s *states) dropStrays(kept map[string]bool) error {
	var strays [][]byte
	err := s.view(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
			if bytes.HasPrefix(name, []byte(aggregateBucket)) && !kept[string(name)] {
				strays = append(strays, bytes.Clone(name))
			}
			return nil
		})
	})
	for _, name := range strays {
		err = errors.Join(err, s.dropAggregate(name))
	}
	return err
}
