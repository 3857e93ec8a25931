// Command soak has everything happen to one database for as long as it is told, with
// verification in between, and wants memory, goroutines and open files back where they
// were, once it is closed:
//
//	go run ./fuzz/soak -for 10m
//
// It prints its seed, then a line a second of what was done since the last. Which
// operations follow on each other is the seed's; how those of different goroutines
// fall together is the machine's.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"time"
)

func main() {
	length := flag.Duration("for", time.Minute, "how long")
	seed := flag.Uint64("seed", 0, "0 picks one")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	fmt.Printf("seed %d (-seed %d)\n", *seed, *seed)
	if err := run(*seed, *length); err != nil {
		fmt.Fprintf(os.Stderr, "seed %d: %v\n", *seed, err)
		os.Exit(1)
	}
}

// run opens a database again and again until the time is over.
func run(seed uint64, length time.Duration) error {
	dir, err := os.MkdirTemp("", "annals-soak-")
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	before := use(runtime.NumGoroutine())
	var first usage // after the first life: what is made once is there
	end := time.Now().Add(length)
	s := &soak{dir: dir}
	stop := s.report()
	defer stop()
	for lives := 0; lives < 2 || time.Now().Before(end); lives++ {
		if err := s.life(rnd, min(lifetime, length/3)); err != nil {
			return fmt.Errorf("%w\nfiles in %s", err, dir)
		}
		if lives == 0 {
			first = use(before.goroutines + 1) // who reports
		}
		if s.acked.Load() > mostEvents {
			if err := s.anew(); err != nil {
				return err
			}
		}
	}
	stop()
	after := use(before.goroutines)
	fmt.Printf("before: %s; after the first life: %s; at the end: %s\n", before, first, after)
	if err := after.flat(before, first); err != nil {
		return err
	}
	fmt.Println(s.total())
	return os.RemoveAll(dir)
}

// mostEvents is how many a database has before the next one is begun: looking at all
// of it takes longer and longer.
const mostEvents = 300_000

// anew begins with an empty directory.
func (s *soak) anew() error {
	s.acked.Store(0)
	s.tailAt = 0
	return os.RemoveAll(s.dir)
}

// lifetime is how long a database is open. In between it is closed, so that what is
// left open or running shows.
const lifetime = 4 * time.Second

// life opens the database, has everything happen, and closes it.
func (s *soak) life(rnd *rand.Rand, length time.Duration) error {
	db, err := s.open(rnd)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	err = s.work(ctx, db, rnd)
	if err == nil {
		err = s.verify(context.Background(), db)
	}
	if closed := db.Close(); err == nil {
		err = closed
	}
	return err
}
