//go:build immudb

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/codenotary/immudb/embedded/logger"
	"github.com/codenotary/immudb/embedded/store"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// immudb is not built unless one asks for it by the tag, since its licence is not
// an open one. It has a key's versions by their arrival, which is not what is asked
// here, so the time is part of the key. It never forgets a version, so totals that
// change with each batch are nothing to keep in it.

func init() {
	register(side.Maker{
		Name:    "immudb",
		Version: side.ModuleVersion("github.com/codenotary/immudb"),
		Licence: "BUSL-1.1",
		Settings: "embedded store, (key, inverted time) keys, write-only transactions that do not wait for the index, " +
			"Synced with no wait for others (SyncFrequency 0), node cache 256 MiB (512 MiB where only asked), else defaults",
		Durability: "fsync a group of batches",
		Kind:       (*immuSide)(nil),
		Open:       openImmudb,
	})
}

type immuSide struct {
	side.Keyed
	store *store.ImmuStore
	load  *load.Load
	rows  *side.Rows
}

func openImmudb(dir string, o side.Options) (side.Side, error) {
	so := store.DefaultOptions().
		WithSynced(o.Purpose == side.Ingest).
		WithSyncFrequency(0).
		WithMaxConcurrency(max(store.DefaultMaxConcurrency, o.Writers)).
		WithLogger(logger.NewSimpleLogger("", io.Discard))
	so.IndexOpts.WithCacheSize(int(cacheBytes(o)))
	s, err := store.Open(dir, so)
	if err != nil {
		return nil, err
	}
	d := &immuSide{store: s, load: o.Load}
	d.Keyed = side.Keyed{Ordered: d}
	if o.Purpose != side.Ask {
		d.rows = side.NewRows(o.Load)
	}
	return d, nil
}

func (d *immuSide) Put(from, to int) error {
	if most := d.store.MaxTxEntries(); to-from > most {
		return fmt.Errorf("%w: immudb takes %d entries a transaction at most", side.ErrCannot, most)
	}
	tx, err := d.store.NewWriteOnlyTx(context.Background())
	if err != nil {
		return err
	}
	for _, r := range d.rows.Append(make([]side.Row, 0, to-from), from, to) {
		if err := tx.Set(r.Key, nil, r.Value); err != nil {
			return errors.Join(err, tx.Cancel())
		}
	}
	_, err = tx.AsyncCommit(context.Background())
	return err
}

// Settle waits for the index.
func (d *immuSide) Settle() (time.Time, error) {
	err := d.store.WaitForIndexingUpto(context.Background(), d.store.LastCommittedTxID())
	return time.Now(), err
}

// Close syncs what Bulk left to the system.
func (d *immuSide) Close() error {
	return errors.Join(d.store.Sync(), d.store.Close())
}

// view reads what is there now, when the index has it.
func (d *immuSide) view(run func(s *store.Snapshot) error) error {
	s, err := d.store.SnapshotMustIncludeTxID(context.Background(), nil, d.store.LastCommittedTxID())
	if err != nil {
		return err
	}
	return errors.Join(run(s), s.Close())
}

// errEnough ends a read.
var errEnough = errors.New("enough")

// read visits entries with a prefix from a key on, until visit says errEnough.
func read(s *store.Snapshot, prefix, from []byte, visit func(k, v []byte) error) error {
	r, err := s.NewKeyReader(store.KeyReaderSpec{Prefix: prefix, SeekKey: from, InclusiveSeek: true})
	if err != nil {
		return err
	}
	for err == nil {
		err = visitNext(r, visit)
	}
	if errors.Is(err, store.ErrNoMoreEntries) || errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, r.Close())
}

func visitNext(r store.KeyReader, visit func(k, v []byte) error) error {
	k, ref, err := r.Read(context.Background())
	if err != nil {
		return err
	}
	v, err := ref.Resolve()
	if err != nil {
		return err
	}
	return visit(k, v)
}

func (d *immuSide) Scan(prefix string, visit func(k, v []byte)) error {
	return d.view(func(s *store.Snapshot) error {
		return read(s, []byte(prefix), nil, func(k, v []byte) error { visit(k, v); return nil })
	})
}

func (d *immuSide) Seek(to []byte, key string) (r load.Reading, ok bool, err error) {
	err = d.view(func(s *store.Snapshot) error {
		r, ok, err = seek(s, to, key)
		return err
	})
	return r, ok, err
}

func seek(s *store.Snapshot, to []byte, key string) (r load.Reading, ok bool, err error) {
	err = read(s, []byte(key), to, func(k, v []byte) error {
		r, ok = side.ReadingOf(k, v), true
		return errEnough
	})
	return r, ok, err
}

// States seeks each key of the load: it need not find out which there are.
func (d *immuSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	return d.view(func(s *store.Snapshot) error {
		for _, key := range d.load.Keys {
			r, ok, err := seek(s, side.AppendKey(nil, key, nanos), key)
			if err != nil {
				return err
			}
			if ok {
				visit(key, r)
			}
		}
		return nil
	})
}
