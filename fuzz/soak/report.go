package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// report prints a line a second until it is stopped, which may happen twice.
func (s *soak) report() (stop func()) {
	end := make(chan struct{})
	var over sync.WaitGroup
	start := time.Now()
	over.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var last [kinds]uint64
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			now := s.counts()
			var since [kinds]uint64
			for i := range since {
				since[i] = now[i] - last[i]
			}
			last = now
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Printf("%4.0f s: %s; %d MiB, %d goroutines, %d files\n", time.Since(start).Seconds(), text(since),
				m.HeapAlloc>>20, runtime.NumGoroutine(), openFiles())
		}
	})
	return sync.OnceFunc(func() { close(end); over.Wait() })
}

func (s *soak) counts() (now [kinds]uint64) {
	for i := range now {
		now[i] = s.done[i].Load()
	}
	return now
}

// total is all that was done.
func (s *soak) total() string { return "in all: " + text(s.counts()) }

func text(counts [kinds]uint64) string {
	var all []string
	for i, n := range counts {
		all = append(all, fmt.Sprint(n, " ", kindNames[i]))
	}
	return strings.Join(all, ", ")
}
