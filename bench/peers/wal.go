package main

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/tidwall/wal"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// A log and nothing else: it can be read by position only, so it answers no
// question but how many events there are, and which.

func init() {
	register(side.Maker{
		Name:       "wal",
		Version:    side.ModuleVersion("github.com/tidwall/wal"),
		Licence:    "MIT",
		Settings:   "an entry an event, a batch of entries at once; DefaultOptions: binary, files of 20 MB, synced",
		Durability: "fsync a batch; a crash may leave a part of one that was not acknowledged",
		Kind:       (*walSide)(nil),
		Open:       openWAL,
	})
}

type walSide struct {
	mu    sync.Mutex // entries are numbered by those who write them
	log   *wal.Log
	next  uint64
	batch wal.Batch
	entry []byte
	load  *load.Load
}

func openWAL(dir string, o side.Options) (side.Side, error) {
	wo := *wal.DefaultOptions
	wo.NoSync = o.Purpose == side.Bulk
	log, err := wal.Open(filepath.Join(dir, "log"), &wo)
	if err != nil {
		return nil, err
	}
	last, err := log.LastIndex()
	if err != nil {
		return nil, err
	}
	return &walSide{log: log, next: last + 1, load: o.Load}, nil
}

func (d *walSide) Put(from, to int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.batch.Clear()
	for i := from; i < to; i++ {
		r := d.load.Reading(i)
		d.entry = side.AppendValue(side.AppendKey(d.entry[:0], d.load.Key(i), r.Nanos), &r)
		d.batch.Write(d.next+uint64(i-from), d.entry) // which copies it
	}
	if err := d.log.WriteBatch(&d.batch); err != nil {
		return err
	}
	d.next += uint64(to - from)
	return nil
}

func (d *walSide) Settle() (time.Time, error) { return time.Now(), nil }

// Close syncs what Bulk left to the system.
func (d *walSide) Close() error { return d.log.Close() }

func (d *walSide) Count() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int(d.next - 1), nil
}

// Replay reads from the first entry to the last.
func (d *walSide) Replay(visit func(key string, r load.Reading)) error {
	n, err := d.Count()
	if err != nil {
		return err
	}
	for i := range n {
		entry, err := d.log.Read(uint64(i + 1))
		if err != nil {
			return err
		}
		at := len(d.load.Keys[0]) // all are equally long
		visit(string(entry[:at]), side.ReadingOf(entry[:at+8], entry[at+8:]))
	}
	return nil
}
