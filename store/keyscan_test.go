package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// gathered is what a scan by keys hands on, in the order of keys.
func gathered[T any](t *testing.T, workers int, key func(*T) string, scan func(visit func(worker int, some []T) error) error) []T {
	t.Helper()
	of := make([][]T, workers)
	var busy [8]atomic.Bool
	err := scan(func(worker int, some []T) error {
		if !busy[worker].CompareAndSwap(false, true) {
			t.Errorf("worker %d is called twice at a time", worker)
		}
		of[worker] = append(of[worker], some...)
		busy[worker].Store(false)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(of...)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	return all
}

// checkKeyScan holds scans by keys against those in order, of a range and of some keys
// that are named.
func (g *scanScript) checkKeyScan(t *testing.T, v *View, stream string, r Range, want []State) {
	t.Helper()
	q := KeyScan{Stream: stream, Range: r, Workers: 1 + g.rnd.IntN(3)}
	stateKey := func(s *State) string { return s.Key }
	got := gathered(t, q.Workers, stateKey, func(visit func(int, []State) error) error { return v.ScanStates(bg, q, visit) })
	same := func(a, b State) bool { return reflect.DeepEqual(a, b) }
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("scan states %q %+v of %+v: %d states, want %d, or others", stream, r, v, len(got), len(want))
	}
	q.Fields = []string{"no such field"}
	for i := range want {
		if fields := want[i].Fields; i%50 == 0 && len(fields) > 0 {
			q.Fields = append(q.Fields, fields[g.rnd.IntN(len(fields))].Name)
		}
	}
	few := gathered(t, q.Workers, stateKey, func(visit func(int, []State) error) error { return v.ScanStates(bg, q, visit) })
	asked := func(s State) State {
		s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f Field) bool { return !slices.Contains(q.Fields, f.Name) })
		return s
	}
	if !slices.EqualFunc(few, want, func(a, b State) bool { return fmt.Sprint(asked(a)) == fmt.Sprint(asked(b)) }) {
		t.Fatalf("scan states %q %+v of %+v with fields %q: %d states, want %d, or others", stream, r, v, q.Fields, len(few), len(want))
	}
	q.Fields = nil
	q.Keys = []string{"no such key", scanKey(3)}
	for range g.rnd.IntN(700) {
		q.Keys = append(q.Keys, scanKey(g.rnd.IntN(scanTestKeys)))
	}
	want = slices.DeleteFunc(slices.Clone(want), func(s State) bool { return !slices.Contains(q.Keys, s.Key) })
	got = gathered(t, q.Workers, stateKey, func(visit func(int, []State) error) error { return v.ScanStates(bg, q, visit) })
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("scan states %q of keys in %+v of %+v: %d states, want %d, or others", stream, r, v, len(got), len(want))
	}
	g.checkPeriods(t, v, q)
	g.checkDiff(t, v, q)
}

// checkPeriods checks that the periods of a range are those of all time that have a
// moment in it, whether asked for by a scan or by key.
func (g *scanScript) checkPeriods(t *testing.T, v *View, q KeyScan) {
	t.Helper()
	from, to := g.moment(100), g.moment(100)
	if to.Before(from) {
		from, to = to, from
	}
	key := func(p *Period) string { return p.State.Key }
	got := gathered(t, q.Workers, key, func(visit func(int, []Period) error) error { return v.ScanPeriods(bg, q, from, to, visit) })
	var want []Period
	for _, name := range slices.Compact(slices.Sorted(slices.Values(q.Keys))) {
		if !q.Range.has(name) {
			continue
		}
		for p, err := range v.Between(q.Stream, name, time.Unix(0, -1<<63), time.Unix(0, 1<<63-1)) {
			if err != nil {
				t.Fatal(err)
			}
			if p.From.Before(to) && (p.Until.IsZero() || p.Until.After(from)) {
				want = append(want, p)
			}
		}
	}
	if !slices.EqualFunc(got, want, func(a, b Period) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("scan periods %q from %s to %s of %+v: %d periods, want %d, or others", q.Stream, from, to, v, len(got), len(want))
	}
}

// checkDiff holds a scan of differences against those in order.
func (g *scanScript) checkDiff(t *testing.T, v *View, q KeyScan) {
	t.Helper()
	before, err := v.At(AsOf(g.moment(100)))
	if err != nil {
		t.Fatal(err)
	}
	q.Keys = nil
	key := func(d *Difference) string { return d.Key }
	got := gathered(t, q.Workers, key, func(visit func(int, []Difference) error) error { return before.ScanDiff(bg, v, q, visit) })
	var want []Difference
	for d, err := range before.Diff(v, q.Stream) {
		if err != nil {
			t.Fatal(err)
		}
		if q.Range.has(d.Key) {
			want = append(want, d)
		}
	}
	// No fields are nil or an empty list, by the file that they are read from.
	alike := func(a, b Difference) bool {
		return reflect.DeepEqual(a.Old, b.Old) && reflect.DeepEqual(a.New, b.New) && fmt.Sprint(a.Key, a.Events) == fmt.Sprint(b.Key, b.Events)
	}
	if !slices.EqualFunc(got, want, alike) {
		t.Fatalf("scan differences %q of %+v: %d, want %d, or others", q.Stream, v, len(got), len(want))
	}
	for _, d := range got {
		for name, of := range map[string]struct {
			v    *View
			want *State
		}{"old": {before, d.Old}, "new": {v, d.New}} {
			st, ok, err := of.v.Get(q.Stream, d.Key)
			if err != nil || ok != (of.want != nil) || ok && !reflect.DeepEqual(st, *of.want) {
				t.Fatalf("difference of %q: %s is %+v, Get says %+v, %v", d.Key, name, of.want, st, err)
			}
		}
	}
}

// TestScanStates_Ends: a scan ends with its context, and with an error of visit, which
// is what it returns.
func TestScanStates_Ends(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Sync: SyncNever})
	var b Batch
	for i := range 5000 {
		b.Events = append(b.Events, Event{Stream: "s", Key: scanKey(i)})
	}
	if _, err := db.Append(bg, b); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	var calls atomic.Int64
	err := db.Latest().ScanStates(bg, KeyScan{Stream: "s", Workers: 2}, func(int, []State) error {
		calls.Add(1)
		return mine
	})
	if !errors.Is(err, mine) || calls.Load() > 2 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
	ctx, cancel := context.WithCancel(bg)
	calls.Store(0)
	err = db.Latest().ScanStates(ctx, KeyScan{Stream: "s", Workers: 1}, func(int, []State) error {
		calls.Add(1)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls.Load() != 1 {
		t.Errorf("%d calls after the end, %v", calls.Load(), err)
	}
	if err := db.Latest().ScanStates(bg, KeyScan{Stream: "none"}, nil); !errors.Is(err, ErrNoStream) {
		t.Error(err)
	}
}

// TestView_FieldKinds: fields have the kinds of all their values, sealed or not.
func TestView_FieldKinds(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Sync: SyncNever})
	put := func(f ...Field) {
		if _, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k", Fields: f}}}); err != nil {
			t.Fatal(err)
		}
	}
	put(Int64("b", 1), String("a", "x"))
	put(Float64("b", 1))
	if err := db.Seal(bg); err != nil {
		t.Fatal(err)
	}
	put(Null("b"), Bool("c", true))
	got, err := db.Latest().FieldKinds("s")
	const want = "[{a [string]} {b [null int64 float64]} {c [bool]}]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
}
