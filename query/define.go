package query

import (
	"slices"

	"github.com/annalsdb/annals/aggregate"
)

// Aggregate is the definition of a maintained aggregate that answers what q, made by
// [Query.CreateAggregate] or parsed from CREATE AGGREGATE, selects: groups, windows and
// aggregate functions of the events of a stream that a condition is true of; and what
// CREATE AGGREGATE says behind that. What no aggregate keeps is an [*Error] at its place. A nil catalog knows no names.
func (q Query) Aggregate(catalog Catalog, params ...any) (aggregate.Definition, error) {
	var d aggregate.Definition
	p, err := bind(q, catalog, params)
	if err != nil {
		return d, err
	}
	if q.text == "" {
		if q, err = Parse(q.String()); err != nil {
			return d, err
		}
	}
	m := definer{binder{catalog: catalog, plan: p}, q, &d, len(params)}
	d.Name, d.Stream, d.Window = q.name.name, p.sources[0].stream, p.windowOf()
	for _, step := range []func() error{m.whole, m.where, m.by, m.measures, m.marks} {
		if err := step(); err != nil {
			return d, err
		}
	}
	if err := d.Check(); err != nil {
		return d, m.fail(q.name, "%s", err)
	}
	return d, nil
}

// definer makes the definition of an aggregate of a query that is bound.
type definer struct {
	binder
	q      Query
	d      *aggregate.Definition
	params int // that the query has
}

// whole is an error if the query has a part that no aggregate has.
func (m *definer) whole() error {
	q := m.q
	at := Expr{at: q.from.at}
	var streams []string
	if m.catalog != nil {
		var err error
		if streams, err = m.catalog.Streams(); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		is   bool
		at   Expr
		what string
	}{
		{q.from.kind != eventsSource || m.sources[0].plan != nil, at, "an aggregate is of the events of one stream: expected its name alone"},
		{slices.Contains(streams, q.name.name), q.name, "a stream is called so: expected another name, which can be selected from"},
		{len(q.joins) > 0, at, "an aggregate is of one stream, without JOIN"},
		{q.from.moment.kind != noMoment, q.from.moment.a, "an aggregate is of all times: a moment stands where it is selected from"},
		{q.from.known.kind != notKnown, q.from.known.at, "an aggregate is of all that comes: KNOWN stands where it is selected from"},
		{q.distinct, q.name, "groups are distinct: expected SELECT without DISTINCT"},
		{q.having.op != noOp, q.having, "an aggregate keeps all groups: HAVING is a WHERE where it is selected from"},
		{len(q.order) > 0, q.name, "an aggregate has no order: ORDER BY stands where it is selected from"},
		{q.limit.op != noOp, q.limit, "an aggregate keeps all groups: LIMIT stands where it is selected from"},
		{q.offset.op != noOp, q.offset, "an aggregate keeps all groups: OFFSET stands where it is selected from"},
		{m.params > 0, q.name, "a definition is kept: expected values in the place of parameters"},
		{!m.grouped, q.name, "an aggregate needs aggregate functions, such as count(*)"},
	} {
		if part.is {
			return m.fail(part.at, "%s", part.what)
		}
	}
	return nil
}

// where is the condition, which has to be one that a predicate on columns can say.
func (m *definer) where() error {
	pushed, rest := split(m.plan.where, m.pushName(0))
	if len(rest) > 0 {
		return rest[0].fail("the WHERE of an aggregate compares columns with constants; behind a FILTER stands any condition")
	}
	m.d.Where = pushed
	return nil
}

func (m *definer) by() error {
	for _, e := range m.q.groups {
		in, err := m.input(e)
		if err != nil {
			return err
		}
		m.d.By = append(m.d.By, in)
	}
	return nil
}

// input is an expression of columns as an input.
func (m *definer) input(e Expr) (aggregate.Input, error) {
	x, err := compile(m.d.Stream, e, m.text)
	switch {
	case err != nil:
		return aggregate.Input{}, err
	case x.of.op == columnOp:
		return aggregate.Input{Column: x.names[0]}, nil
	}
	return aggregate.Input{Of: x}, nil
}

// measures takes in what is selected: groups and windows are there anyway, under names
// of their own.
func (m *definer) measures() error {
	for i, n := range m.outputs {
		it := m.q.items[i]
		slot := n.slot - m.aggregateSlots()
		switch {
		case n.op != columnOp:
			return m.fail(it.Expr, "an aggregate keeps groups, windows and aggregate functions: compute from them where it is selected from")
		case slot < 0 && it.Name != "":
			return m.fail(it.Expr, "groups and windows keep their names: expected one without AS")
		case slot < 0:
			continue
		}
		measure, err := m.measure(m.aggregates[slot], it)
		if err != nil {
			return err
		}
		if slices.Contains(resultColumns(m.d), measure.Name) {
			return m.fail(it.Expr, "the aggregate has a column %s already: expected AS and another name", quoteName(measure.Name))
		}
		m.d.Measures = append(m.d.Measures, measure)
	}
	return nil
}

// measure is one aggregate function.
func (m *definer) measure(a *aggregation, it Item) (measure aggregate.Measure, err error) {
	measure.Name = it.label()
	if measure.Function, err = a.function(); err != nil {
		return measure, err
	}
	call, filter := it.Expr, Expr{}
	if call.op == filterOp {
		call, filter = call.args[0], call.args[1]
	}
	if a.distinct && a.kind.name != "count" {
		return measure, m.fail(call, "no aggregate keeps %s of distinct values", a.kind.name)
	}
	of := Expr{}
	if len(a.args) > 0 && a.args[0].op != intervalOp {
		of = call.args[0]
		if a.kind.name == "count" && !a.distinct {
			measure.Function = aggregate.Count{}
		}
	}
	if filter.op != noOp {
		if measure.Function.Laws().Class == aggregate.Ordered {
			return measure, m.fail(filter, "%s is of all rows of its window, without FILTER", a.kind.name)
		}
		if of.op == noOp {
			of, measure.Function = Lit(true), aggregate.Count{}
		}
		of = Case(nil, Cond{filter, of})
	}
	if of.op != noOp {
		measure.Of, err = m.input(of)
	}
	return measure, err
}
