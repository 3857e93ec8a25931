package query

import (
	"context"
	"errors"

	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// engine is a database with the events of naive data.
type engine struct {
	t    *testing.T
	dir  string
	db   *store.DB
	done int // events of the data that are in it
}

func (e *engine) open() {
	e.t.Helper()
	o := &store.Options{Sync: store.SyncNever, SegmentSize: 16 << 10, Fanout: 2, Now: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }}
	db, err := store.Open(e.dir, o)
	if err != nil {
		e.t.Fatal(err)
	}
	e.db = db
}

func newEngine(t *testing.T, d *naiveData) *engine {
	e := &engine{t: t, dir: t.TempDir()}
	e.open()
	for _, s := range d.streams {
		def := store.Stream{Name: s.name}
		if s.merge {
			def.Fold = store.Merge
		}
		if s.byArrival {
			def.Order = store.ByArrival
		}
		if err := e.db.Define(context.Background(), def); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// append stores events of the data up to a position.
func (e *engine) append(d *naiveData, to int) {
	e.t.Helper()
	for ; e.done < to; e.done++ {
		event := d.log[e.done]
		event.Seq, event.Version = 0, 0
		r, err := e.db.Append(context.Background(), store.Batch{Events: []store.Event{event}, Recorded: event.Recorded})
		if err != nil || r.First != uint64(e.done)+1 {
			e.t.Fatalf("append %+v: position %d, %v", event, r.First, err)
		}
	}
}

func (e *engine) seal() {
	e.t.Helper()
	if err := e.db.Seal(context.Background()); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) reopen() {
	e.t.Helper()
	e.close()
	e.open()
}

func (e *engine) close() {
	if err := e.db.Close(); err != nil {
		e.t.Fatal(err)
	}
}

// run answers a query of the engine.
func (e *engine) run(o *Options, q Query, params ...any) (*answer, error) {
	return ask(o, View(e.db.Latest()), q, params...)
}

// ask is the answer of a reader.
func ask(o *Options, from Reader, q Query, params ...any) (*answer, error) {
	result, err := o.Run(context.Background(), from, q, params...)
	if err != nil {
		return nil, err
	}
	return answerOf(result)
}

// answerOf is all of an answer.
func answerOf(result *Result) (*answer, error) {
	a := &answer{names: result.Columns()}
	for row, err := range result.Rows() {
		if err != nil {
			return nil, err
		}
		a.rows = append(a.rows, row)
	}
	return a, nil
}

// asker makes questions that have an answer, mostly.
type asker struct {
	*rand.Rand
	near    float64
	most    int    // position
	temp    string // Options.TempDir
	spilled int    // how many questions had something on disk
}

func (r *asker) source() Source {
	s := pick(r.Rand, EventsOf("s"), EventsOf("m"), EventsOf("t"), AllEventsOf("s"), AllEventsOf("t"), StateOf("s"), StateOf("m"), StateOf("t"),
		HistoryOf("s"), HistoryOf("m"), HistoryOf("t"), ChangesOf("s"), ChangesOf("m"))
	from, to := day(1+r.IntN(6)), day(6+r.IntN(6))
	switch {
	case s.kind == changesSource:
		s = s.FromTo(from, to)
	case s.kind == stateSource && r.IntN(2) == 0:
		s = s.AsOf(to)
	case s.kind != stateSource && r.IntN(2) == 0:
		s = pick(r.Rand, s.AsOf(to), s.Between(from, to), s.FromTo(from, to))
	}
	switch r.IntN(4) {
	case 0:
		s = s.KnownAt(r.IntN(r.most + 1))
	case 1:
		s = s.KnownBy(day(30).Add(time.Duration(r.IntN(60)) * time.Minute))
	}
	return s
}

// columns are those that a source has, under a prefix if it is one of several.
func columnsOf(s Source, prefix string) (all []Expr) {
	col := func(names ...string) {
		if prefix != "" {
			names = append([]string{prefix}, names...)
		}
		all = append(all, Col(names[0], names[1:]...))
	}
	if s.kind == changesSource {
		col("key")
		for _, name := range []string{"a", "b", "c", "seq", "type"} {
			col("old", name)
			col("new", name)
		}
		return all
	}
	for _, name := range append(ownOf[s.kind], "a", "b", "c", "a", "b", "c") {
		col(name)
	}
	return all
}

func (r *asker) number(e Expr) Expr {
	return pick(r.Rand, e.TryCast(segment.Int64Value), e.TryCast(segment.Float64Value), e.TryCast(segment.Int64Value).Mod(7),
		Case(nil, Cond{e.Gt(0).And(e.Lt(1000)), e.TryCast(segment.Float64Value)}), Call("length", e.TryCast(segment.StringValue)))
}

func (r *asker) expr(columns []Expr) Expr {
	col := pick(r.Rand, columns...)
	switch r.IntN(8) {
	case 0:
		return r.number(col)
	case 1:
		return r.number(col).Add(r.number(pick(r.Rand, columns...)))
	case 2:
		return Call("coalesce", col, pick(r.Rand, columns...), 1)
	case 3:
		return col.TryCast(segment.StringValue).Concat("!")
	}
	return col
}

func (r *asker) cond(columns []Expr, depth int) Expr {
	if depth > 0 && r.IntN(2) == 0 {
		switch r.IntN(3) {
		case 0:
			return r.cond(columns, depth-1).Not()
		case 1:
			return r.cond(columns, depth-1).Or(r.cond(columns, depth-1))
		}
		return r.cond(columns, depth-1).And(r.cond(columns, depth-1))
	}
	col := r.expr(columns)
	lit := func() any {
		return pick[any](r.Rand, "k1", "k2", "a", "b", 1, 7, 20, 2.5, "", pick(r.Rand, randomValues...))
	}
	switch r.IntN(7) {
	case 0:
		return col.In(lit(), lit(), "k3")
	case 1:
		return col.Between(lit(), lit())
	case 2:
		return col.Like(pick(r.Rand, "k%", "a", "%1", "_%"))
	case 3:
		return col.IsNull()
	}
	return col.with(pick(r.Rand, equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp, distinctOp), lit())
}

func (r *asker) aggregate(columns []Expr, placed bool) Expr {
	e := r.expr(columns)
	n := r.number(pick(r.Rand, columns...))
	list := []Expr{Count(), Call("count", e), CallDistinct("count", e), Call("sum", n), Call("avg", n), CallDistinct("sum", n),
		Call("min", e), Call("max", e), Call("any_value", e), Call("var_pop", n), Call("stddev_samp", n),
		Call("any", e.IsNull()), Call("all", e.IsNull()), Call("quantile", n, 0.5)}
	if placed {
		span := Span(0, r.IntN(2), time.Duration(1+r.IntN(30))*time.Hour)
		list = append(list, Call("first", e), Call("last", e), Call("increase", n), Call("rate", n),
			Call("time_avg", n), Call("time_avg", n, span), Call("integral", n, span), Call("known_time", n, span), Call("unknown_time", n),
			Call("time_in_state", e), Call("time_in_state", e, span), Call("time_avg_linear", n), Call("integral_linear", n),
			Call("live_time", span), Call("dead_time", span))
	}
	a := pick(r.Rand, list...)
	if a.name == "quantile" || a.name == "stddev_samp" || a.name == "var_pop" {
		r.near = 0.011
	}
	if r.IntN(4) == 0 {
		a = a.Filter(r.cond(columns, 1))
	}
	return a
}

func (r *asker) query() Query {
	r.near = 0
	s := r.source()
	columns, joined := columnsOf(s, ""), false
	q := FromSource(s)
	if s.kind != changesSource && r.IntN(5) == 0 {
		joined = true
		columns = columnsOf(s, s.stream)
		other, name := StateOf("m").As("j"), "j"
		kind := pick(r.Rand, InnerJoin, LeftJoin, AsOfJoin, AsOfLeftJoin)
		if kind >= AsOfJoin {
			other = EventsOf("m").As("j")
		}
		on := Col(s.stream, "key").Eq(Col(name, "key"))
		if r.IntN(3) == 0 {
			on = Col(s.stream, "a").Eq(Col(name, pick(r.Rand, "a", "b")))
		}
		if kind < AsOfJoin && r.IntN(3) == 0 {
			other = RowsOf(r.rows()).As("j")
			columns = append(columns, Col("j", "key"), Col("j", "a"), Col("j", "b"))
		} else {
			columns = append(columns, columnsOf(StateOf("m"), "j")...)
		}
		q = q.Join(Join{kind, other, on})
	}
	for range r.IntN(3) {
		q = q.Where(r.cond(columns, 2))
	}
	var items []Selectable
	var shown []Expr
	if r.IntN(2) == 0 {
		groups := r.IntN(3)
		for range groups {
			e := r.expr(columns)
			q = q.GroupBy(e)
			shown = append(shown, e)
		}
		if s.kind != changesSource && r.IntN(2) == 0 {
			q = q.Window(pick(r.Rand, Tumble(36*time.Hour, 5*time.Hour), Hop(48*time.Hour, 12*time.Hour), Session(20*time.Hour),
				Slide(40*time.Hour), Every(1+r.IntN(4)),
				Calendar(1, Day, "Europe/Berlin"), Calendar(2, Week, ""), Calendar(1, Month, "")))
			shown = append(shown, Col(windowStart), Col(windowEnd))
		}
		for range 1 + r.IntN(3) {
			shown = append(shown, r.aggregate(columns, !joined && s.kind <= allEventsSource))
		}
		if n := r.number(pick(r.Rand, columns...)); r.IntN(3) == 0 { // they share what they keep
			shown = append(shown, Call("avg", n), Call("sum", n), Call("sum", n).Filter(r.cond(columns, 0)))
		}
		if r.IntN(4) == 0 {
			q = q.Having(Count().Gt(r.IntN(4)))
		}
	} else {
		for range 1 + r.IntN(4) {
			shown = append(shown, r.expr(columns))
		}
		if r.IntN(4) == 0 {
			q = q.Distinct()
		}
	}
	if r.near == 0 && r.IntN(4) == 0 { // not row_number: which of two comes first is not said
		e := pick(r.Rand, shown...)
		shown = append(shown, Call(pick(r.Rand, "rank", "dense_rank")).Over(
			pick(r.Rand, nil, []Expr{pick(r.Rand, shown...)}), pick[Sortable](r.Rand, e, e.Desc(), e.NullsFirst()), pick(r.Rand, shown...)))
	}
	for _, e := range shown {
		items = append(items, e)
	}
	q = q.Select(items...)
	for range r.IntN(3) {
		e := pick(r.Rand, shown...)
		if r.near > 0 && e.aggregates() {
			continue // two that are near may stand either way
		}
		q = q.OrderBy(pick[Sortable](r.Rand, e, e.Desc(), e.NullsFirst(), e.Desc().NullsLast()))
	}
	if r.IntN(3) == 0 {
		q = q.Limit(r.IntN(8))
		if r.IntN(2) == 0 {
			q = q.Offset(r.IntN(4))
		}
	}
	return q
}

// rows is a query whose rows have a key, an a and a b to be joined with.
func (r *asker) rows() Query {
	s := r.source()
	for s.kind == changesSource {
		s = r.source()
	}
	q := FromSource(s).Where(r.cond(columnsOf(s, ""), 1))
	if r.IntN(2) == 0 {
		return q.Select(Col("key"), Col("a"), Col("b"))
	}
	return q.GroupBy(Col("key")).Select(Col("key"), Count().As("a"), Call("max", Col("b")).As("b"))
}

// firstPlaces is a query of the first rows of each part. Of row_number it is not said
// which of two comes first, unless there is their position.
func (r *asker) firstPlaces() Query {
	s := EventsOf(pick(r.Rand, "s", "m", "t"))
	columns := columnsOf(s, "")
	order := []Sortable{pick(r.Rand, columns...).Desc()}
	name := pick(r.Rand, "rank", "dense_rank", "row_number")
	if name == "row_number" {
		order = append(order, Col("seq"))
	}
	inner := FromSource(s).Where(r.cond(columns, 1)).Select(Col("a"), Col("key"), Col("seq"),
		Call(name).Over(pick(r.Rand, nil, []Expr{pick(r.Rand, columns...)}), order...).As("place"))
	place := Col("place")
	n := r.IntN(8)
	return FromSource(RowsOf(inner)).Where(pick(r.Rand, place.Le(n), place.Lt(n), place.Eq(n), Lit(n).Ge(place), Lit(n).Gt(place), Lit(n).Eq(place)))
}

// nested is a query of the rows of another one.
func (r *asker) nested() Query {
	if r.IntN(3) == 0 {
		r.near = 0
		return r.firstPlaces()
	}
	inner := r.query()
	for inner.limit.op != noOp || r.near > 0 { // without an order it would have many answers
		inner = r.query()
	}
	var columns []Expr
	for i := range inner.items {
		inner.items[i].Name = fmt.Sprintf("x%d", i)
		columns = append(columns, Col(inner.items[i].Name))
	}
	q := FromSource(RowsOf(inner).As("d")).Where(r.cond(columns, 2))
	by := pick(r.Rand, columns...)
	switch r.IntN(3) {
	case 0:
		return q
	case 1:
		return q.Select(by, Call("dense_rank").Over([]Expr{by}, pick(r.Rand, columns...)))
	}
	return q.GroupBy(by).Select(by, Count(), Call("min", pick(r.Rand, columns...)), CallDistinct("count", pick(r.Rand, columns...)))
}

// check asks a reader and compares with the rules; it is false if the answer is an
// error. At times there is so little memory that groups and rows in order go to disk,
// or that it may be too little.
func (r *asker) check(d *naiveData, from Reader, q Query) (answered bool, wrong string) {
	want, failed := d.run(q, nil)
	o := &Options{Workers: 1 + r.IntN(3), TempDir: r.temp}
	if r.IntN(3) == 0 {
		o.MemoryBytes = 1 << (8 + r.IntN(8))
	}
	result, err := o.Run(context.Background(), from, q)
	var got *answer
	if err == nil {
		got, err = answerOf(result)
		if result.Stats().Spilled > 0 {
			r.spilled++
		}
	}
	if o.MemoryBytes > 0 && errors.Is(err, ErrMemory) {
		return false, ""
	}
	if failed != nil {
		if err == nil && q.limit.op == noOp && len(q.order) == 0 {
			return false, fmt.Sprintf("is answered, want %v", failed)
		}
		return false, ""
	}
	if err != nil {
		return false, err.Error()
	}
	whole := q
	whole.limit, whole.offset = Expr{}, Expr{}
	all, err := d.run(whole.made(), nil)
	if err != nil {
		return false, err.Error()
	}
	p, err := bind(q, d, nil)
	if err != nil {
		return false, err.Error()
	}
	wrong = sameAnswer(p, got, want, all, r.near)
	if wrong != "" {
		wrong += fmt.Sprintf("\ngot:\n%swant:\n%s", got, want)
	}
	return true, wrong
}

// TestRun: the engine answers as the rules do, whatever is asked, with events in the
// log, sealed, merged and opened again, by any number of workers.
func TestRun(t *testing.T) {
	random, seed := newRandom()
	r := &asker{Rand: random, temp: t.TempDir()}
	asked, answered := 0, 0
	for range 6 {
		full := randomData(r)
		e := newEngine(t, full)
		for _, to := range []int{20, 45, 60} {
			d := &naiveData{streams: full.streams, log: full.log[:to]}
			e.append(full, to)
			r.most = to
			for step := range 3 {
				switch {
				case step == 1 && r.IntN(2) == 0, step == 2 && to < 60:
					e.seal()
				case step == 2:
					e.reopen()
				}
				for range 60 {
					q := r.query()
					if r.IntN(4) == 0 {
						q = r.nested()
					}
					ok, wrong := r.check(d, View(e.db.Latest()), q)
					if asked++; ok {
						answered++
					}
					if wrong != "" {
						t.Fatalf("seed %d, %d events: %s\n%s", seed, to, q, wrong)
					}
				}
			}
		}
		e.close()
	}
	if answered < asked/3 || r.spilled < asked/50 {
		t.Errorf("seed %d: only %d of %d questions had an answer, %d had something on disk", seed, answered, asked, r.spilled)
	}
	if left, err := os.ReadDir(r.temp); err != nil || len(left) > 0 {
		t.Errorf("seed %d: %d files are left, %v", seed, len(left), err)
	}
	t.Logf("seed %d: %d of %d questions had an answer, %d had something on disk", seed, answered, asked, r.spilled)
}

// many is a database of n events of one stream, sealed.
func many(t *testing.T, n int) *engine {
	e := newEngine(t, &naiveData{})
	for i := 0; i < n; i += 1000 {
		var b store.Batch
		for j := range 1000 {
			b.Events = append(b.Events, store.Event{Stream: "s", Key: fmt.Sprint("k", (i+j)%5000), Fields: store.Fields{store.Int64("a", int64(i+j))}})
		}
		if _, err := e.db.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	e.seal()
	t.Cleanup(e.close)
	return e
}

// TestRun_Memory: what would take more memory than there may be is a named error: of
// a single group, of ranks, of joined states that are all equal.
func TestRun_Memory(t *testing.T) {
	e := many(t, 20_000)
	for _, text := range []string{
		"SELECT count(DISTINCT a) FROM s", "SELECT type, top_k(a, 3) FROM s GROUP BY type",
		"SELECT x.a FROM s x JOIN STATE OF s y ON x.type = y.type WHERE x.a = 5",
		"SELECT a, rank() OVER (ORDER BY a) FROM s",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.run(&Options{MemoryBytes: 64 << 10}, q); !errors.Is(err, ErrMemory) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := e.run(&Options{}, q); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"SELECT a FROM s ORDER BY a DESC LIMIT 3",
		"SELECT a FROM (SELECT a, row_number() OVER (ORDER BY a DESC) AS place FROM s) WHERE place <= 3 ORDER BY place",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := e.run(&Options{MemoryBytes: 64 << 10}, q); err != nil || len(a.rows) != 3 || a.rows[0][0].Int64() != 19_999 {
			t.Errorf("the first few take no more than their memory: %s: %v, %v", text, a, err)
		}
	}
}

// TestRun_Ends: a query ends with its context and when the loop is left, and with
// LIMIT reads no more than it has to.
func TestRun_Ends(t *testing.T) {
	e := many(t, 50_000)
	q := From("s").Select(Col("a"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result, err := Run(ctx, View(e.db.Latest()), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range result.Batches() {
		cancel()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	result, err = (&Options{Workers: 1}).Run(context.Background(), View(e.db.Latest()), q.Limit(10))
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := result.All(); err != nil || len(rows) != 10 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if read := result.Stats().Scan.Read.Batches; read != 1 {
		t.Errorf("%d batches were read for 10 rows", read)
	}
}

// TestStructs: rows arrive in structs, by the names of columns.
func TestStructs(t *testing.T) {
	e := many(t, 1000)
	q := From("s").Where(Col("a").Eq(7)).Select(Col("key"), Col("a").As("value"))
	result, err := Run(context.Background(), View(e.db.Latest()), q)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Key   string
		Value int64
	}
	n := 0
	for r, err := range Structs[row](result) {
		if n++; err != nil || (r != row{"k7", 7}) {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}
