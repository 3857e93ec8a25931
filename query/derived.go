package query

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A SELECT as a source: FROM (SELECT ...). It is bound as a query of its own, over the
// same text, parameters and catalog; its executor hands batches to the one around it,
// whose columns are its outputs. Batches come one at a time, so what is around it is the
// work of one. The rows of JOIN (SELECT ...) go into a table, as states do that are not
// joined by key.

// bindDerived makes a source of an inner query.
func (b *binder) bindDerived(s *source, from Source) error {
	q, at := *from.query, Expr{at: from.at}
	switch {
	case len(b.sources) > 0 && from.alias == "":
		return b.fail(at, "a SELECT that is joined needs a name for its columns: expected one behind it, as in (SELECT ...) AS b")
	case from.moment.kind != noMoment:
		return b.fail(from.moment.a, "a moment stands with the stream of the inner SELECT")
	case from.known.kind != notKnown:
		return b.fail(from.known.at, "KNOWN stands with the stream of the inner SELECT")
	}
	inner := binder{catalog: b.catalog, params: b.params, plan: newPlan(q, b.text)}
	if err := inner.bindQuery(q); err != nil {
		return err
	}
	s.plan = inner.plan
	for i, name := range s.plan.names {
		if slices.Contains(s.plan.names[:i], name) {
			return b.fail(at, "the inner SELECT has two columns called %s: expected AS and another name", quoteName(name))
		}
	}
	return nil
}

// output is the output of the inner query that a name means, nil if none.
func (s *source) output(name string) *node {
	if i := slices.Index(s.plan.names, name); i >= 0 {
		return s.plan.outputs[i]
	}
	return nil
}

// checkOutput is an error if the inner query has no such column.
func (b *binder) checkOutput(s *source, name string, e Expr) error {
	if s.output(name) != nil {
		return nil
	}
	what := "the inner SELECT"
	if a := s.plan.sources[0]; a.kind == aggregateSource {
		what = "aggregate " + quoteName(a.stream)
	}
	return b.fail(e, "%s has no column %s%s", what, quoteName(name), meant(name, s.plan.names))
}

// bindPlaces checks that the rows of an inner query say when they happened, and where
// they stand, if that is asked for.
func (b *binder) bindPlaces(q Query) error {
	s := b.sources[0]
	if s.plan == nil {
		return nil
	}
	at := Expr{at: q.from.at}
	need := func(name string, kinds kindSet, what string) error {
		if n := s.output(name); n == nil || n.kinds|null != kinds {
			return b.fail(at, "%s needs a column %s of the inner SELECT, of kind %s", what, name, kinds)
		}
		return nil
	}
	if b.window.kind != noWindow {
		return need("time", times, "a window")
	}
	if slices.ContainsFunc(b.joins, func(j join) bool { return j.kind >= AsOfJoin }) {
		return need("time", times, "an ASOF JOIN")
	}
	for _, a := range b.aggregates {
		if !a.placed() {
			continue
		}
		if err := need("time", times, a.kind.name); err != nil {
			return err
		}
		if err := need("seq", ints, a.kind.name); err != nil {
			return err
		}
	}
	return nil
}

// newInner is the executor of a source, if that is a query.
func (o *Options) newInner(r Reader, x *executor, s *source) *executor {
	if s.plan == nil {
		return nil
	}
	inner := o.newExecutor(r, s.plan)
	inner.explain = x.explain
	inner.outer = x
	return inner
}

// readDerived reads the rows of the inner query.
func (x *executor) readDerived(ctx context.Context, to *readWork) error {
	in, began := x.inner, time.Now()
	b := newBatch(len(x.columns))
	var from *Batch
	load := func(slot int, c *Column) error {
		*c = from.Columns[slices.Index(in.names, x.columns[slot].own)]
		if (slot == x.timeSlot || slot == x.seqSlot) && !c.whole() {
			return in.outputs[slices.Index(in.names, x.columns[slot].own)].fail("%s is null where a row has to have one", x.columns[slot].own)
		}
		return nil
	}
	err := in.run(ctx, func(rows *Batch) error {
		from = rows
		b.begin(rows.Rows, nil, load)
		return to.visit(0, b)
	})
	in.ended(began)
	x.stats.Seq, x.stats.Scan, x.stats.Read = in.stats.Seq, in.stats.Scan, in.stats.Read
	return err
}

// ended is the end of an inner query that began then.
func (x *executor) ended(began time.Time) {
	x.finishStats(time.Since(began))
	x.outer.spilled.Add(x.spilled.Load())
	x.outer.note(-x.held.Swap(0))
}

// readRows hands the rows of a joined query to add.
func (s *joinSide) readRows(w *joinWorker, add func(p partner, ok bool, err error) error) error {
	in, began := s.inner, time.Now()
	defer in.ended(began)
	return in.run(s.x.ctx, func(b *Batch) error {
		for i := range b.Rows {
			of := func(c *column) Value { return b.Columns[slices.Index(in.names, c.own)].Value(i) }
			if err := add(s.partner(w, of)); err != nil {
				return err
			}
		}
		return nil
	})
}

// explainDerived shows the plan of an inner query, a step further in.
func (x *executor) explainDerived(line lines, in *executor) {
	line("read rows of a query:")
	var b strings.Builder
	in.explainSteps(&b)
	for text := range strings.Lines(b.String()) {
		line("  %s", strings.TrimSuffix(text, "\n"))
	}
}

// innermost is the executor that reads what is stored.
func (x *executor) innermost() *executor {
	for x.inner != nil {
		x = x.inner
	}
	return x
}

// kindsOf is what is known of the kinds of a column.
func (p *plan) kindsOf(c column) kindSet {
	switch s := p.sources[c.source]; {
	case s.plan != nil:
		return s.output(c.own).kinds
	case c.own != "":
		return ownColumns[c.own]
	}
	return anyKind
}

// starOfDerived is the columns of an inner query.
func (b *binder) starOfDerived(s *source, e Expr) (items []Item) {
	for _, name := range s.plan.names {
		c := Col(name)
		if len(b.sources) > 1 {
			c = Col(s.name, name)
		}
		items = append(items, Item{c.everywhere(e.at), name})
	}
	return items
}
