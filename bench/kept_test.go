package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

// ready opens, to be asked, the database of a side with -events events of a load,
// which is made if it is not there, and holds its answers against the load. The
// memory it takes is watched.
func ready(b *testing.B, of int, name string) (history, *load.Load, resident) {
	b.Helper()
	return readyOf(b, of, loadOf(name))
}

// readyOf is ready for a load that has no name.
func readyOf(b *testing.B, of int, l *load.Load) (history, *load.Load, resident) {
	b.Helper()
	dir := keptSide(b, of, l)
	memory := resident{meter.Watch()}
	s, err := openSide(of, dir, l, side.Ask)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := l.CheckAsOf(*eventsFlag, s.AsOf); err != nil {
		b.Fatal(err)
	}
	memory.Forget()
	return s, l, memory
}

// keptSide is the directory of a side's database with -events events of a load.
func keptSide(b *testing.B, of int, l *load.Load) string {
	b.Helper()
	return kept(b, sides[of].Name+"-"+l.String(), func(dir string) error { return buildSide(of, dir, l) })
}

// buildSide makes a database of the first -events events of l, in the batches of
// an ingest, for how they came shows in what bbolt reads.
func buildSide(of int, dir string, l *load.Load) error {
	s, err := openSide(of, dir, l, side.Bulk)
	if err != nil {
		return err
	}
	if err = putAll(s, *eventsFlag, nil); err == nil {
		_, err = s.Settle()
	}
	return errors.Join(err, s.Close())
}

// kept is the directory of a database that is made once: in -dir, where the next
// run finds it again, or without that flag where it is gone after the run.
func kept(b *testing.B, name string, build func(dir string) error) string {
	b.Helper()
	base := *dirFlag
	if base == "" {
		base = sharedDir(b)
	}
	dir := filepath.Join(base, fmt.Sprintf("annals-bench-%s-%d", name, *eventsFlag))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	part := dir + ".part"
	os.RemoveAll(part)
	if err := os.MkdirAll(part, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := build(part); err != nil {
		b.Fatalf("make %s: %v", part, err)
	}
	if err := os.Rename(part, dir); err != nil {
		b.Fatal(err)
	}
	return dir
}
