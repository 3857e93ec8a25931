package query

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// # Answers from what is kept
//
// A GROUP BY over the events of a stream is answered from a maintained aggregate that
// has the answer: of the same events, by groups and windows that those of the query are
// made up of, with all functions that the query asks for. What is kept are partial
// results, which go into the query's groups as those of another worker do, so that the
// answer is the same to the bit; of a range of time, the events of its ends are added.
//
// A query and an aggregate mean different things in three cases. Groups of an aggregate
// tell 1 and 1.0 apart: here both go into the group that has them. A value that a
// function does not take is an error here, and left out there: an aggregate counts such
// values, and where there are some, events are read, which make the error or show that
// it is another column's. -0 is 0 in its groups: where there is a 0, events are read.
// Expressions that can be an error do not fit.

// fitting is an aggregate that has the answer of a query.
type fitting struct {
	of       *store.Aggregate
	def      aggregate.Definition
	texts    []string // of def.By, see inputText
	lo, hi   int64    // event times that the query is of, both inclusive
	groups   []*node  // what it groups by, over the groups of the aggregate
	where    []*node  // what it asks of these
	measures []int    // by the query's aggregates, rowCount for the number of rows
	keys     []string // if not nil, the only groups that are wanted

	taken  bool
	pieces int    // stored cells that were joined
	why    string // events are read after all
}

// rowCount stands for a measure: the number of rows, which cells know anyway.
const rowCount = -1

// findFit finds an aggregate that has the answer, of several the one with the fewest
// columns in its groups.
func (x *executor) findFit() {
	s := x.sources[0]
	r, ok := x.reader.(dbReader)
	if !ok || !x.grouped || len(x.joins) > 0 || s.kind != eventsSource || s.empty() {
		return
	}
	for _, a := range r.db.Aggregates() {
		f := &fitting{of: a, def: a.Definition(), lo: s.lo, hi: s.hi}
		if f.def.Stream != s.stream {
			continue
		}
		switch why := f.misfit(x); {
		case why != "":
			x.unfit = append(x.unfit, fmt.Sprintf("aggregate %s has not the answer: %s", quoteName(f.def.Name), why))
		case x.fit == nil || len(f.def.By) < len(x.fit.def.By):
			x.fit = f
		}
	}
}

// misfit is why the aggregate has not the answer, "" if it has.
func (f *fitting) misfit(x *executor) string {
	for _, in := range f.def.By {
		text := inputText(in)
		if e, ok := in.Of.(*expression); ok && !e.of.always() {
			text = "" // where it is an error, the group is null
		}
		f.texts = append(f.texts, text)
	}
	for _, why := range [...]func(*executor) string{f.misses, f.differs, f.isCoarse, f.lacks} {
		if text := why(x); text != "" {
			return text
		}
	}
	return ""
}

// misses is what of WHERE is not of the aggregate, its groups, or times.
func (f *fitting) misses(x *executor) string {
	has := conjuncts(f.def.Where)
	met := make([]bool, len(has))
	t := translator{x.pushName(0)}
	for _, n := range x.where {
		if p, whole := t.predicate(n); whole && (meets(has, met, conjuncts(p)) || f.narrow(conjuncts(p))) {
			continue
		}
		over, ok := f.over(x, n)
		if !ok {
			return "it cannot tell where " + x.text(n)
		}
		f.where = append(f.where, over)
	}
	if i := slices.Index(met, false); i >= 0 {
		return fmt.Sprintf("it is only of events where %s", strings.ReplaceAll(fmt.Sprint(has[i]), "\xff", ""))
	}
	if f.lo > f.hi || f.hi == math.MaxInt64-1 {
		return "the range of time is empty, or ends with time"
	}
	if f.keys = x.keys; f.keys != nil && (len(f.def.By) != 1 || f.def.By[0] != aggregate.Key()) {
		return "it is not by key alone, and keys are named"
	}
	return ""
}

// conjuncts is what all has to be true for p to be.
func conjuncts(p index.Predicate) (all []index.Predicate) {
	and, ok := p.(index.And)
	switch {
	case p == nil:
		return nil
	case !ok:
		return []index.Predicate{p}
	}
	for _, part := range and {
		all = append(all, conjuncts(part)...)
	}
	return all
}

// meets marks parts in has, if all are there.
func meets(has []index.Predicate, met []bool, parts []index.Predicate) bool {
	var at []int
	for _, p := range parts {
		i := slices.IndexFunc(has, func(h index.Predicate) bool { return reflect.DeepEqual(h, p) })
		if i < 0 {
			return false
		}
		at = append(at, i)
	}
	for _, i := range at {
		met[i] = true
	}
	return true
}

// narrow takes conditions that are ranges of time.
func (f *fitting) narrow(parts []index.Predicate) bool {
	lo, hi := f.lo, f.hi
	for _, p := range parts {
		r, ok := p.(index.Range)
		if !ok || r.Column != segment.ColumnTime {
			return false
		}
		for _, b := range [...]struct {
			index.Bound
			to   *int64
			side int64
		}{{r.Lo, &lo, 1}, {r.Hi, &hi, -1}} {
			switch t := b.Value.Int64(); {
			case b.Value.Kind() == index.Null:
				continue
			case b.Value.Kind() != index.Time, b.Open && (t == math.MinInt64 || t == math.MaxInt64):
				return false
			case b.Open:
				t += b.side
				fallthrough
			default:
				if cmp.Compare(t, *b.to) == int(b.side) {
					*b.to = t
				}
			}
		}
	}
	f.lo, f.hi = lo, hi
	return true
}

// differs is what the query groups by that the aggregate does not.
func (f *fitting) differs(x *executor) string {
	for _, n := range x.groups {
		over, ok := f.over(x, n)
		if !ok {
			return "it is not by " + x.text(n)
		}
		f.groups = append(f.groups, over)
	}
	return ""
}

// over is an expression over the groups of the aggregate.
func (f *fitting) over(x *executor, n *node) (*node, bool) {
	if e, ok := x.inputExpr(n); ok {
		if i := slices.Index(f.texts, e.String()); i >= 0 {
			return &node{op: columnOp, slot: i, kinds: n.kinds, at: n.at, text: n.text}, true
		}
	}
	if n.op == columnOp || n.op == overOp {
		return nil, false
	}
	c := *n
	c.args = nil
	for _, a := range n.args {
		part, ok := f.over(x, a)
		if !ok {
			return nil, false
		}
		c.args = append(c.args, part)
	}
	return &c, true
}

// isCoarse is why windows of the query are not made up of those of the aggregate.
func (f *fitting) isCoarse(x *executor) string {
	fine := f.def.Window
	if fine == nil {
		fine = aggregate.Global{}
	}
	side, ok := fine.(aggregate.Aligned)
	if !ok {
		return "its windows do not lie side by side"
	}
	over := aggregate.Span{Start: f.lo, End: f.hi}
	if f.hi != math.MaxInt64 {
		over.End++
	}
	coarse, ok := x.windows.(aggregate.Aligned)
	switch _, global := fine.(aggregate.Global); {
	case !ok && x.windows != nil:
		return "windows of the query do not lie side by side"
	case global && (f.lo != math.MinInt64 || f.hi != math.MaxInt64):
		return "it is of all times"
	case ok && !aggregate.CoarseFromFine(coarse, side, over):
		return fmt.Sprintf("%s is not made up of its %s", x.window, windowText(fine))
	}
	return ""
}

// lacks is which function of the query the aggregate does not have.
func (f *fitting) lacks(x *executor) string {
	for _, m := range f.def.Measures {
		if m.Function.Laws().Class == aggregate.Ordered {
			return "it has functions over time, for which it matters where windows end"
		}
	}
	for _, a := range x.aggregates {
		m, ok := f.measure(x, a)
		if !ok {
			return "it does not keep " + x.call(a).String()
		}
		f.measures = append(f.measures, m)
	}
	return ""
}

// measure is the measure that has an aggregate of the query: what that would be as one
// of a definition, see definer.measure. What can be an error, and is null there, has
// none.
func (f *fitting) measure(x *executor, a *aggregation) (int, bool) {
	if a.distinct && a.kind.name != "count" {
		return 0, false
	}
	of, ok := Star(""), true
	if len(a.args) > 0 {
		if of, ok = x.inputExpr(a.args[0]); !a.args[0].always() {
			return 0, false
		}
	}
	if a.filter != nil {
		cond, known := x.inputExpr(a.filter)
		if !known || !a.filter.always() || a.filter.kinds&^bools != 0 {
			return 0, false
		}
		if len(a.args) == 0 {
			of = Lit(true)
		}
		of = Case(nil, Cond{cond, of})
	}
	fn, err := a.function()
	if !ok || err != nil {
		return 0, false
	}
	text := of.String()
	i := slices.IndexFunc(f.def.Measures, func(m aggregate.Measure) bool {
		return serves(m, fn) && inputText(m.Of) == text
	})
	if i < 0 && len(a.args) == 0 && a.filter == nil {
		return rowCount, true
	}
	return i, i >= 0
}

// serves reports whether partial results of a measure are those of fn over its input.
func serves(m aggregate.Measure, fn aggregate.Function) bool {
	if _, ok := fn.(aggregate.Count); ok {
		return m.Function == aggregate.Count{Rows: m.Of == aggregate.Input{}}
	}
	return m.Function.String() == fn.String() || aggregate.Shares(m.Function, fn)
}

// keeps is the function whose partial results the groups of an aggregate of the query
// take in: fn, or another one that tells it. f may be nil.
func (f *fitting) keeps(i int, fn aggregate.Function) aggregate.Function {
	if _, counts := fn.(aggregate.Count); f == nil || counts {
		return fn
	}
	return f.def.Measures[f.measures[i]].Function
}

// inputExpr is an expression over rows as it is compared with inputs of aggregates, if
// these can be of such columns.
func (x *executor) inputExpr(n *node) (e Expr, ok bool) {
	for _, slot := range n.named() {
		if _, ok := x.columns[slot].input(); !ok {
			return e, false
		}
	}
	return n.expr(func(slot int) Expr {
		name, _ := x.columns[slot].input()
		return inputColumn(name)
	}), true
}

// inputText is an input of an aggregate as it is compared with expressions; "" if it
// is not of this language.
func inputText(in aggregate.Input) string {
	switch of := in.Of.(type) {
	case nil:
		if in.Column == "" {
			return Star("").String()
		}
		return inputColumn(in.Column).String()
	case *expression:
		return of.of.expr(func(slot int) Expr { return inputColumn(of.names[slot]) }).String()
	}
	return ""
}

// inputColumn is a column under a name that no other has.
func inputColumn(name string) Expr {
	if own, ok := strings.CutPrefix(name, "\xff"); ok {
		return Col(own)
	}
	return Col(fieldsName, name)
}
