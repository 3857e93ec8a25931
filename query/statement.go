package query

import (
	"context"
	"errors"
	"fmt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// verb is what a query does beside selecting.
type verb uint8

const (
	selects verb = iota
	creates      // an aggregate of what is selected
	drops        // an aggregate
	shows        // the aggregates
)

// statement reads a query, or one about aggregates.
func (p *parser) statement() (q Query) {
	switch {
	case p.followed("CREATE", "AGGREGATE"):
		name := p.namedAggregate()
		p.must("AS")
		p.creating = true
		q = p.selection()
		q.verb, q.name, q.marks = creates, name, p.marks()
	case p.followed("DROP", "AGGREGATE"):
		q.verb, q.name = drops, p.namedAggregate()
	case p.followed("SHOW", "AGGREGATES"):
		p.advance()
		p.advance()
		q.verb = shows
	default:
		q = p.query()
	}
	return q
}

// namedAggregate passes two words and reads the name of an aggregate behind them.
func (p *parser) namedAggregate() Expr {
	p.advance()
	p.advance()
	at := p.tok.at
	return Col(p.name("the name of an aggregate")).placed(at)
}

// statement writes what parser.statement reads.
func (p *printer) statement(q Query) {
	switch q.verb {
	case creates:
		p.WriteString("CREATE AGGREGATE " + quoteName(q.name.name) + " AS ")
	case drops:
		p.WriteString("DROP AGGREGATE " + quoteName(q.name.name))
		return
	case shows:
		p.WriteString("SHOW AGGREGATES")
		return
	}
	p.query(q)
	p.marks(q.marks)
}

// CreateAggregate makes q the definition of a maintained aggregate, for [Run]. What
// CREATE AGGREGATE says behind the SELECT is set in what [Query.Aggregate] makes of it,
// for [store.DB.Maintain].
func (q Query) CreateAggregate(name string) Query {
	q.verb, q.name = creates, Col(name)
	return q.made()
}

// DropAggregate ends a maintained aggregate.
func DropAggregate(name string) Query { return Query{verb: drops, name: Col(name)} }

// ShowAggregates lists the maintained aggregates: the name, the definition as [Describe]
// has it, the position up to which the log was followed, and whether all windows are kept.
func ShowAggregates() Query { return Query{verb: shows} }

// errReadOnly: a statement about aggregates was asked of what has none.
var errReadOnly = fmt.Errorf("query: %w: aggregates are those of a whole database as it is now, see DB", store.ErrInvalid)

// carryOut does what a statement about aggregates says; its answer is there at once.
func (o *Options) carryOut(ctx context.Context, r Reader, q Query, params []any) (*Result, error) {
	of, ok := r.(dbReader)
	if !ok || of.bounded {
		return nil, errReadOnly
	}
	if q.text == "" {
		var err error
		if q, err = Parse(q.String()); err != nil {
			return nil, err
		}
	}
	b := newBatchOf(1)
	result := &Result{ctx: ctx, x: &executor{plan: &plan{}}, names: []string{"aggregate"}, fixed: b}
	result.x.stats.Seq = r.Seq()
	var err error
	switch q.verb {
	case creates:
		var d aggregate.Definition
		if d, err = q.Aggregate(r, params...); err == nil {
			_, err = of.db.Maintain(ctx, d)
		}
	case drops:
		err = of.db.DropAggregate(ctx, q.name.name)
		if errors.Is(err, store.ErrNoAggregate) {
			err = q.unknown(of)
		}
	case shows:
		result.names = []string{"aggregate", "definition", "seq", "built"}
		result.fixed = showAll(of.db)
		return result, nil
	}
	if err != nil {
		return nil, err
	}
	b.Rows = 1
	b.Columns[0].append(segment.StringOf(q.name.name))
	return result, nil
}

// unknown is that there is no aggregate of the name that q has.
func (q Query) unknown(of dbReader) error {
	var names []string
	for _, a := range of.db.Aggregates() {
		names = append(names, a.Definition().Name)
	}
	return &Error{Text: q.text, At: max(q.name.at-1, 0),
		Message: fmt.Sprintf("there is no aggregate %s%s", quoteName(q.name.name), meant(q.name.name, names))}
}

// showAll is a row for each aggregate.
func showAll(db *store.DB) *Batch {
	b := newBatchOf(4)
	for _, a := range db.Aggregates() {
		d, p := a.Definition(), a.Progress()
		for i, v := range []Value{segment.StringOf(d.Name), segment.StringOf(Describe(d)), segment.Int64Of(int64(p.Seq)), segment.BoolOf(p.Built)} {
			b.Columns[i].append(v)
		}
		b.Rows++
	}
	return b
}
