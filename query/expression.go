package query

import (
	"fmt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// expression is an expression of the columns of events for a maintained aggregate. What
// cannot be computed of an event is null: one event of another shape must not end a
// total that is kept for ever.
type expression struct {
	text  string
	of    *node
	names []string // of columns, by slot
}

// ParseExpression is the expression of a text, over the events of a stream, as a
// maintained aggregate takes it; see [aggregate.Definition]. An error is an [*Error].
func ParseExpression(stream, text string) (aggregate.Expression, error) {
	p := parser{lexer: lexer{text: text}}
	p.advance()
	e := p.expr()
	if p.tok.kind != endToken {
		p.expected("the end of the expression")
	}
	if p.err != nil {
		return nil, p.err
	}
	return compile(stream, e, text)
}

// compile binds an expression over the events of a stream, whose text is the query's.
func compile(stream string, e Expr, text string) (*expression, error) {
	q := From(stream)
	b := binder{plan: newPlan(q, text)}
	if err := b.bindSources(q); err != nil {
		return nil, err
	}
	b.clause = "an aggregate's input"
	n, err := b.expr(e)
	if err != nil {
		return nil, err
	}
	x := &expression{text: e.String(), of: n}
	for _, c := range b.columns {
		name, ok := c.input()
		if !ok {
			return nil, b.fail(e, "no aggregate is of the %s of an event", c.own)
		}
		x.names = append(x.names, name)
	}
	return x, nil
}

// input is the name of a column of events as aggregates know it, if they do.
func (c column) input() (string, bool) {
	switch c.own {
	case "kind", "stream":
		return "", false
	case "key":
		return segment.ColumnKey, true
	}
	return c.scanned(), true
}

// String implements [aggregate.Expression].
func (x *expression) String() string { return x.text }

// Columns implements [aggregate.Expression].
func (x *expression) Columns() []string { return x.names }

// Evaluate implements [aggregate.Expression].
func (x *expression) Evaluate(n int, selected []uint16, columns [][]segment.FieldColumn) ([]segment.FieldColumn, error) {
	b := newBatch(len(columns))
	b.begin(n, selected, func(slot int, c *Column) error {
		c.setParts(columns[slot], n)
		return nil
	})
	c, err := b.vector(x.of, selected)
	if err != nil {
		if c, err = b.possible(x.of); err != nil {
			return nil, fmt.Errorf("evaluate %s: %w", x.text, err)
		}
	}
	return c.parts(b.rows(selected)), nil
}

// possible is the values of n where there are some, and nulls where one is an error.
func (b *batch) possible(n *node) (*Column, error) {
	slots, err := b.named(n)
	if err != nil {
		return nil, err
	}
	c := &Column{n: b.n, Mixed: make([]Value, b.n)}
	for _, i := range b.rows(b.sel) {
		for _, s := range slots {
			b.row[s] = b.cols[s].Value(int(i))
		}
		if v, err := n.eval(b.row); err == nil {
			c.Mixed[i] = v
		}
	}
	return c, nil
}

// parts is the values of rows, which rise, as columns of one kind each.
func (c *Column) parts(rows []uint16) []segment.FieldColumn {
	var all [segment.JSONValue + 1]segment.FieldColumn
	for _, i := range rows {
		v := c.Value(int(i))
		k := v.Kind()
		f := &all[k]
		f.Rows = append(f.Rows, uint32(i))
		switch {
		case k == segment.Float64Value:
			f.Floats = append(f.Floats, v.Float64())
		case isText(k):
			f.Texts.Codes = append(f.Texts.Codes, uint32(len(f.Texts.Dict)))
			f.Texts.Dict = append(f.Texts.Dict, v.Text())
		case k != segment.NullValue:
			f.Ints = append(f.Ints, v.Literal().Int64())
		}
	}
	var parts []segment.FieldColumn
	for k := range all {
		if f := &all[k]; len(f.Rows) > 0 {
			f.Kind = segment.ValueKind(k)
			parts = append(parts, *f)
		}
	}
	return parts
}
