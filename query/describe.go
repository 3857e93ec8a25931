package query

import (
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Describe is a definition as text. It is the CREATE AGGREGATE that makes the same one
// again; or, where the language has no words for a part of it, such as a function of
// the user's own, one that a person reads.
func Describe(d aggregate.Definition) string {
	t := describer{of: &d}
	text := t.create().String()
	if q, err := Parse(text); err == nil && !t.failed {
		if again, err := q.Aggregate(nil); err == nil && again.Fingerprint() == d.Fingerprint() {
			return text
		}
	}
	return d.String()
}

// describer makes a query of a definition. Whether it says the same is seen by who reads it.
type describer struct {
	of     *aggregate.Definition
	failed bool // the language has no words
}

func (t *describer) create() Query {
	d := t.of
	q := From(d.Stream).Window(windowFrom(d.Window))
	if d.Where != nil {
		q.where = t.condition(d.Where)
	}
	for _, in := range d.By {
		e := t.input(in)
		q.groups = append(q.groups, e)
		q.items = append(q.items, e.item())
	}
	for _, m := range d.Measures {
		it := t.call(m).As(m.Name)
		if bare := it.Expr.item(); bare.label() == m.Name {
			it = bare
		}
		q.items = append(q.items, it)
	}
	w := d.Watermark
	q.marks = marks{bound: w.Bound, skew: w.Skew, idle: w.Idle, delay: w.MaxDelay, grace: d.Grace, keep: d.Keep}
	if w.Source != (aggregate.Input{}) {
		q.marks.source = t.input(w.Source)
	}
	return q.CreateAggregate(d.Name)
}

// none is that the language has no words.
func (t *describer) none() Expr {
	t.failed = true
	return Lit(nil)
}

// windowText is a window as it stands in GROUP BY, if it can.
func windowText(w aggregate.Window) string {
	own := windowFrom(w)
	if c, ok := w.(aggregate.Calendar); own.kind == noWindow || ok && c.Origin != (aggregate.Date{}) {
		return w.String()
	}
	return own.String()
}

func windowFrom(w aggregate.Window) Window {
	switch w := w.(type) {
	case aggregate.Tumbling:
		return Tumble(w.Size, w.Offset)
	case aggregate.Hopping:
		return Hop(w.Size, w.Slide)
	case aggregate.Session:
		return Session(w.Gap)
	case aggregate.Sliding:
		return Slide(w.Size)
	case aggregate.Counted:
		return Every(int(w.N))
	case aggregate.Calendar:
		zone := ""
		if w.Zone != nil && w.Zone != time.UTC {
			zone = w.Zone.String()
		}
		return Calendar(max(w.N, 1), w.Unit, zone)
	}
	return Window{}
}

func (t *describer) input(in aggregate.Input) Expr {
	if in.Of == nil {
		return columnNamed(in.Column)
	}
	p := parser{lexer: lexer{text: in.Of.String()}}
	p.advance()
	e := p.expr()
	if p.err != nil || p.tok.kind != endToken {
		return t.none()
	}
	return e.everywhere(0)
}

// columnNamed is the column of events that aggregates and predicates know by a name.
func columnNamed(name string) Expr {
	for own, known := range pushNames {
		if name == known {
			return Col(own)
		}
	}
	if name == segment.ColumnRecorded {
		return Col("recorded")
	}
	if _, taken := ownColumns[name]; taken {
		return Col(fieldsName, name)
	}
	return Col(name)
}

// call is the function of a measure.
func (t *describer) call(m aggregate.Measure) Expr {
	of := Star("")
	if m.Of != (aggregate.Input{}) {
		of = t.input(m.Of)
	}
	alive := func(name string, d time.Duration) Expr {
		if d == 0 {
			return Call(name, of)
		}
		return Call(name, of, Span(0, 0, d))
	}
	switch f := m.Function.(type) {
	case aggregate.Count:
		return Call("count", of)
	case aggregate.Distinct:
		return CallDistinct("count", of)
	case aggregate.Quantile:
		return Call("quantile", of, f.Q)
	case aggregate.TopK:
		return Call("top_k", of, f.K)
	case aggregate.Carried:
		name, _, _ := strings.Cut(f.String(), "(")
		return alive(name, f.Alive)
	case aggregate.Liveness:
		name, _, _ := strings.Cut(f.String(), "(")
		return Call(name, Span(0, 0, f.Every))
	}
	for name, f := range plainFunctions {
		if f.String() == m.Function.String() {
			return Call(name, of)
		}
	}
	return t.none()
}

// condition is a predicate on columns.
func (t *describer) condition(p index.Predicate) Expr {
	switch p := p.(type) {
	case index.And:
		return t.joined(andOp, p)
	case index.Or:
		return t.joined(orOp, p)
	case index.Not:
		if eq, ok := distinguished(p); ok {
			return columnNamed(eq.Column).DistinctFrom(valueOf(eq.Value))
		}
		return t.condition(p.Of).Not()
	case index.Eq:
		return columnNamed(p.Column).Eq(valueOf(p.Value))
	case index.In:
		return t.listed(p)
	case index.Range:
		return t.ranged(p)
	case index.IsNull:
		return columnNamed(p.Column).IsNull()
	case index.Prefix:
		escaped := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(p.Prefix)
		if escaped == p.Prefix {
			return columnNamed(p.Column).Like(p.Prefix + "%")
		}
		return columnNamed(p.Column).LikeEscape(escaped+"%", "!")
	}
	return t.none()
}

// joined is predicates with AND or OR between them. A text that is read as a time too
// is a pair of them, which the first says alone.
func (t *describer) joined(o op, parts []index.Predicate) Expr {
	e := Expr{op: o}
	for _, p := range parts {
		e.args = append(e.args, t.condition(p))
	}
	switch {
	case len(parts) == 0:
		return Lit(o == andOp)
	case len(parts) == 1 || len(parts) == 2 && t.says(e.args[0], o, parts):
		return e.args[0]
	}
	return e
}

// says reports whether a condition is bound as those parts.
func (t *describer) says(e Expr, o op, parts []index.Predicate) bool {
	p, err := bind(From(t.of.Stream).Select(Count()).Where(e), nil, nil)
	if err != nil {
		return false
	}
	want := index.Predicate(index.Or(parts))
	if o == andOp {
		want = index.And(parts)
	}
	pushed, rest := split(p.where, p.pushName(0))
	return len(rest) == 0 && pushed != nil && pushed.String() == want.String()
}

// distinguished is what a predicate that [distinct] makes is distinct from.
func distinguished(p index.Not) (eq index.Eq, ok bool) {
	and, ok := p.Of.(index.And)
	if !ok || len(and) != 2 {
		return eq, false
	}
	eq, ok = and[1].(index.Eq)
	return eq, ok && and[0] == index.Predicate(index.Not{Of: index.IsNull{Column: eq.Column}})
}

// listed is IN and values: of kinds of events their names, and of texts that are read as
// times too the texts alone.
func (t *describer) listed(p index.In) Expr {
	var values []any
	var read []index.Literal
	for _, v := range p.Values {
		switch {
		case p.Column == segment.ColumnKind && uint64(v.Int64()) < uint64(len(eventKinds)):
			values = append(values, eventKinds[v.Int64()])
			continue
		case p.Column == segment.ColumnKind:
			return t.none()
		case v.Kind() == index.String:
			if ns, err := parseTime(v.Text(), time.UTC); err == nil {
				read = append(read, index.TimeOf(ns))
			}
		}
		values = append(values, valueOf(v))
	}
	if own := len(values) - len(read); own > 0 && slices.Equal(p.Values[own:], read) {
		values = values[:own]
	}
	return columnNamed(p.Column).with(inOp, values...)
}

func (t *describer) ranged(p index.Range) Expr {
	column := columnNamed(p.Column)
	lo, hi := valueOf(p.Lo.Value), valueOf(p.Hi.Value)
	switch {
	case isNull(lo) && p.Hi.Open:
		return column.Lt(hi)
	case isNull(lo):
		return column.Le(hi)
	case isNull(hi) && p.Lo.Open:
		return column.Gt(lo)
	case isNull(hi):
		return column.Ge(lo)
	case p.Lo.Open || p.Hi.Open:
		return t.none()
	}
	return column.Between(lo, hi)
}

// valueOf is the value that a predicate compares with.
func valueOf(l index.Literal) Value {
	switch l.Kind() {
	case index.Null:
		return segment.NullOf()
	case index.Float64:
		return segment.Float64Of(l.Float64())
	case index.String:
		return segment.StringOf(l.Text())
	case index.Bytes:
		return segment.BytesOf([]byte(l.Text()))
	case index.JSON:
		return segment.JSONOf([]byte(l.Text()))
	}
	return segment.FromInt(segment.ValueKind(l.Kind()), l.Int64())
}
