package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/bench/workload"
)

// TestMain makes this program a child with ours and with sides that misbehave.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Name {
		Main(append(side.Ours(), misbehaving()...))
	}
	os.Exit(m.Run())
}

// broken is bbolt with something wrong.
type broken struct {
	all
	latest func(r load.Reading) load.Reading
	put    func(from int) (skip bool)
}

// all is what bbolt can.
type all interface {
	side.Side
	side.Latest
	side.AsOf
	side.States
	side.History
	side.Daily
	side.Minutes
	side.Range
}

func (b broken) Put(from, to int) error {
	if b.put != nil && b.put(from) {
		return nil
	}
	return b.all.Put(from, to)
}

func (b broken) Latest(key string) (load.Reading, bool, error) {
	r, ok, err := b.all.Latest(key)
	return b.wrong(r), ok, err
}

func (b broken) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	r, ok, err := b.all.AsOf(key, nanos)
	return b.wrong(r), ok, err
}

func (b broken) States(nanos int64, visit func(key string, r load.Reading)) error {
	return b.all.States(nanos, func(key string, r load.Reading) { visit(key, b.wrong(r)) })
}

func (b broken) History(key string, visit func(r load.Reading)) error {
	return b.all.History(key, func(r load.Reading) { visit(b.wrong(r)) })
}

func (b broken) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	return b.all.Daily(keys, func(w load.Window, t load.Total) { visit(w, b.wrongTotal(t)) })
}

func (b broken) Minutes(visit func(w load.Window, t load.Total)) error {
	return b.all.Minutes(func(w load.Window, t load.Total) { visit(w, b.wrongTotal(t)) })
}

func (b broken) Range(from, to int64) (load.Total, error) {
	t, err := b.all.Range(from, to)
	return b.wrongTotal(t), err
}

func (b broken) wrong(r load.Reading) load.Reading {
	if b.latest == nil {
		return r
	}
	return b.latest(r)
}

func (b broken) wrongTotal(t load.Total) load.Total {
	if b.latest != nil {
		t.Max++
	}
	return t
}

// misbehaving are sides that answer wrongly, lose a batch, die, panic and cannot.
func misbehaving() []side.Maker {
	maker := func(name string, wrap func(all) (side.Side, error)) side.Maker {
		m := side.Bbolt
		m.Name, m.Kind = name, broken{}
		m.Open = func(dir string, o side.Options) (side.Side, error) {
			s, err := side.Bbolt.Open(dir, o)
			if err != nil {
				return nil, err
			}
			return wrap(s.(all))
		}
		return m
	}
	return []side.Maker{
		maker("liar", func(s all) (side.Side, error) {
			return broken{all: s, latest: func(r load.Reading) load.Reading { r.Count++; return r }}, nil
		}),
		maker("loser", func(s all) (side.Side, error) {
			return broken{all: s, put: func(from int) bool { return from == 1000 }}, nil
		}),
		maker("mortal", func(s all) (side.Side, error) {
			return broken{all: s, put: func(from int) bool { os.Exit(7); return false }}, nil
		}),
		maker("panicker", func(s all) (side.Side, error) {
			return broken{all: s, put: func(from int) bool { panic("at the disco") }}, nil
		}),
		maker("talker", func(s all) (side.Side, error) {
			fmt.Println("hello")
			return s, nil
		}),
		maker("unable", func(s all) (side.Side, error) {
			return nil, errors.Join(fmt.Errorf("%w: it is Sunday", side.ErrCannot), s.Close())
		}),
	}
}

// do carries out a part of a workload by a child of this program.
func do(t *testing.T, do workload.Do, name, of, dir string) (*workload.Result, error) {
	t.Helper()
	w, err := workload.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := load.Parse("zipf-50")
	if err != nil {
		t.Fatal(err)
	}
	task := workload.Task{
		Do: do, Workload: w.Name, Side: of, Database: dir, Scratch: t.TempDir(),
		Settings: workload.Settings{Load: s, Events: 3000, Time: 10 * time.Millisecond, Rate: 20_000},
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Path: self}.Run(context.Background(), task, func(int, int) {})
}

// build makes the database that a workload starts with, rightly.
func build(t *testing.T, start workload.Start, of string) string {
	t.Helper()
	how := map[workload.Start]workload.Do{workload.Built: workload.Build, workload.Killed: workload.Crash, workload.KilledMidway: workload.CrashMidway}[start]
	dir := filepath.Join(t.TempDir(), "db")
	if how == "" {
		return dir
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, how, "append", of, dir); err != nil {
		t.Fatalf("%s: %v", how, err)
	}
	return dir
}

func TestRun_EveryWorkloadOfOurs(t *testing.T) {
	for _, m := range side.Ours() {
		for i := range workload.All {
			w := &workload.All[i]
			t.Run(w.Name+"/"+m.Name, func(t *testing.T) {
				if why := w.Cannot(&m); why != "" {
					t.Skip(why)
				}
				r, err := do(t, workload.Measure, w.Name, m.Name, build(t, w.Start, m.Name))
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Figures) == 0 || r.Figures[0].Value <= 0 {
					t.Errorf("result is %+v", r)
				}
			})
		}
	}
}

// A side with a wrong answer has no figure in any workload that it can do.
func TestRun_WrongAnswersFail(t *testing.T) {
	liar := misbehaving()[0]
	for i := range workload.All {
		w := &workload.All[i]
		t.Run(w.Name, func(t *testing.T) {
			if why := w.Cannot(&liar); why != "" {
				t.Skip(why)
			}
			r, err := do(t, workload.Measure, w.Name, "liar", build(t, w.Start, "bbolt"))
			if err == nil || !strings.Contains(err.Error(), "want") {
				t.Errorf("result is %+v, error %v", r, err)
			}
		})
	}
}

func TestRun_LostBatchFails(t *testing.T) {
	for _, name := range []string{"ingest", "bulk", "minutes"} {
		if r, err := do(t, workload.Measure, name, "loser", ""); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: result is %+v, error %v", name, r, err)
		}
	}
}

func TestRun_DeathIsAnError(t *testing.T) {
	for of, want := range map[string]string{
		"mortal": "child died: exit status 7", "panicker": "at the disco", "talker": "hello", "nobody": `no side "nobody"`,
	} {
		r, err := do(t, workload.Measure, "ingest", of, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: result is %+v, error %v, want %q", of, r, err, want)
		}
	}
	if _, err := do(t, workload.Crash, "open", "mortal", t.TempDir()); err == nil {
		t.Error("a child that dies before it may be killed is no error")
	}
}

func TestRun_WhatASideCannotIsSaid(t *testing.T) {
	var cannot *CannotError
	if _, err := do(t, workload.Measure, "ingest", "unable", ""); !errors.As(err, &cannot) || !strings.Contains(err.Error(), "Sunday") {
		t.Errorf("error is %v", err)
	}
}

func TestSides_AreTold(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sides, err := Program{Path: self}.Sides(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(sides) != 8 || sides[0].Name != "annals" || len(sides[0].Cannot) != 0 || sides[1].Cannot["nexmark"] == "" || sides[1].Cannot["latest"] != "" {
		t.Errorf("sides are %+v", sides)
	}
}
