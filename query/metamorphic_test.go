package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

// randomData is a few hundred events of two streams, late and retracted ones,
// heartbeats and deletes among them.
func randomData(r interface{ IntN(int) int }) *naiveData {
	d := &naiveData{streams: []naiveStream{{name: "s"}, {name: "m", merge: true}, {name: "t", byArrival: true}}}
	for i := range 60 {
		e := segment.Event{
			Stream: []string{"s", "m", "t"}[r.IntN(3)], Key: fmt.Sprintf("k%d", r.IntN(4)), Type: []string{"", "a", "b"}[r.IntN(3)],
			Time: day(1).Add(time.Duration(r.IntN(40)) * 6 * time.Hour), Recorded: day(30).Add(time.Duration(i) * time.Minute),
		}
		switch r.IntN(12) {
		case 0:
			e.Kind = segment.Delete
		case 1:
			e.Kind = segment.Heartbeat
		case 2:
			if n := len(d.log); n > 0 {
				o := d.log[r.IntN(n)]
				e.Kind, e.Stream, e.Key, e.Retracts = segment.Retraction, o.Stream, o.Key, o.Seq
			}
		default:
			for _, name := range []string{"a", "b", "c"} {
				if r.IntN(4) > 0 {
					e.Fields = append(e.Fields, segment.Field{Name: name, Value: randomValues[r.IntN(len(randomValues))]})
				}
			}
		}
		d.add(e)
	}
	return d
}

var metamorphicSources = []Source{
	EventsOf("s"), AllEventsOf("m"), StateOf("s"), StateOf("m").AsOf("2024-03-05"), HistoryOf("s"), HistoryOf("t").KnownAt(40),
	HistoryOf("m").Between("2024-03-03", "2024-03-06"), EventsOf("t").FromTo("2024-03-02", "2024-03-08").KnownAt(50),
}

// TestQuery_ThreeParts: the rows of which a condition is true, of which it is false,
// and of which it is unknown, are all rows (M. Rigger, Z. Su, Finding bugs in database
// systems via query partitioning, 2020).
func TestQuery_ThreeParts(t *testing.T) {
	r, seed := newRandom()
	done := 0
	for range 300 {
		d := randomData(r)
		q := FromSource(pick(r, metamorphicSources...)).Select(Col("key"), Col("seq"), Col("a"), Col("b"), Col("c"))
		cond := randomExpr(r, 3).replaced(func(e Expr) Expr {
			switch e.op {
			case columnOp:
				return Col(pick(r, "a", "b", "c", "key", "seq"))
			case paramOp, starOp:
				return Lit(1)
			}
			return e
		})
		p, err := bind(q, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := d.run(q, nil)
		if err != nil {
			t.Fatal(err)
		}
		parts := &answer{names: all.names}
		for _, part := range []Expr{cond, cond.Not(), cond.IsNull()} {
			some, err2 := d.run(q.Where(part), nil)
			if err = err2; err != nil {
				break
			}
			parts.rows = append(parts.rows, some.rows...)
		}
		if err != nil {
			continue // it is no condition, or an error of some row
		}
		done++
		if wrong := sameAnswer(p, parts, all, all, 0); wrong != "" {
			t.Fatalf("seed %d: %s WHERE %s, its negation and neither: %s", seed, q, cond, wrong)
		}
	}
	if done < 20 {
		t.Errorf("seed %d: only %d conditions were any", seed, done)
	}
}

// TestQuery_StatesAgree: states as of a moment are the history that was valid then,
// and are made from those before by the changes between.
func TestQuery_StatesAgree(t *testing.T) {
	r, seed := newRandom()
	for range 100 {
		d := randomData(r)
		stream, seq := pick(r, "s", "m"), r.IntN(61)
		from, to := day(1+r.IntN(5)), day(6+r.IntN(6))
		state := func(at time.Time) Query {
			return FromSource(StateOf(stream).AsOf(at).KnownAt(seq)).Select(Col("key"), Col("seq"), Col("a"))
		}
		history := FromSource(HistoryOf(stream).KnownAt(seq)).Select(Col("key"), Col("seq"), Col("a")).
			Where(Col("valid_from").Le(to)).Where(Col("valid_until").IsNull().Or(Col("valid_until").Gt(to)))
		changed := FromSource(ChangesOf(stream).FromTo(from, to).KnownAt(seq)).
			Select(Col("new", "key"), Col("new", "seq"), Col("new", "a")).Where(Col("new", "key").IsNull().Not())
		kept := FromSource(StateOf(stream).AsOf(from).KnownAt(seq)).Select(Col("key"), Col("seq"), Col("a"))
		gone := FromSource(ChangesOf(stream).FromTo(from, to).KnownAt(seq)).Select(Col("key"))
		want, p := mustRun(t, d, state(to))
		got, _ := mustRun(t, d, history)
		if wrong := sameAnswer(p, got, want, want, 0); wrong != "" {
			t.Fatalf("seed %d: state of %s as of %s from its history: %s", seed, stream, to, wrong)
		}
		sum, _ := mustRun(t, d, kept)
		keys, _ := mustRun(t, d, gone)
		made := &answer{names: want.names}
		for _, row := range sum.rows {
			if !keys.has(row[0]) {
				made.rows = append(made.rows, row)
			}
		}
		plus, _ := mustRun(t, d, changed)
		made.rows = append(made.rows, plus.rows...)
		if wrong := sameAnswer(p, made, want, want, 0); wrong != "" {
			t.Fatalf("seed %d: state of %s as of %s from that of %s: %s", seed, stream, to, from, wrong)
		}
	}
}

// has reports whether a row begins with v.
func (a *answer) has(v Value) bool {
	for _, row := range a.rows {
		if same(row[0], v) {
			return true
		}
	}
	return false
}

func mustRun(t *testing.T, d *naiveData, q Query) (*answer, *plan) {
	t.Helper()
	p, err := bind(q, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.run(q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, p
}
