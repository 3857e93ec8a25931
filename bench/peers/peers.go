package main

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// makers is the register: each peer's file adds its own.
var makers []side.Maker

func register(m side.Maker) { makers = append(makers, m) }

// cacheBytes is the memory that a peer may use for pages or blocks: as much as
// ours gets for all that it holds.
func cacheBytes(o side.Options) int64 {
	if o.Purpose == side.Ask {
		return 512 << 20
	}
	return 256 << 20
}

// whenIdle waits until a side has not been busy for a while, and says since when.
func whenIdle(busy func() bool) time.Time {
	const pause, enough = 2 * time.Millisecond, 200 * time.Millisecond
	last := time.Now()
	for time.Since(last) < enough {
		time.Sleep(pause)
		if busy() {
			last = time.Now()
		}
	}
	return last
}

// statuses are those of all events, in an order that depends on the load alone.
func statuses(l *load.Load) (all []string) {
	for i := range load.NumContents {
		if s := l.Content(i).Status; !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}

// syncFile makes durable what anybody has written to a file.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
