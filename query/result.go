package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Result is the answer to a query, computed while it is gone through: by rows, by
// batches of columns, or, with [Structs], by structs; once, in one of these ways.
// Leaving the loop ends the query. It has one user at a time.
type Result struct {
	ctx   context.Context
	x     *executor
	names []string
	fixed *Batch // an answer that is there; nil: it is computed
	used  bool
	done  bool
}

// Run asks q of a database. params are the values of $1, $2 and so on, of the types
// that [Lit] takes. Errors in the query are found here, as [*Error]s; what goes wrong
// while it runs, the end of ctx included, is the last pair of the result's sequence.
//
//	result, err := query.Run(ctx, query.View(db.Latest()), q, "eu")
//	for row, err := range result.Rows() { ... }
func Run(ctx context.Context, r Reader, q Query, params ...any) (*Result, error) {
	return (&Options{}).Run(ctx, r, q, params...)
}

// Run is [Run] with settings.
func (o *Options) Run(ctx context.Context, r Reader, q Query, params ...any) (*Result, error) {
	if q.verb != selects {
		return o.carryOut(ctx, r, q, params)
	}
	p, err := bind(q, r, params)
	if err != nil {
		return nil, err
	}
	result := &Result{ctx: ctx, x: o.newExecutor(r, p), names: p.names}
	result.x.stats.Seq = r.Seq()
	if p.explain != NotExplained {
		result.names = []string{"plan"}
	}
	return result, nil
}

// Columns is the names of the answer's columns.
func (r *Result) Columns() []string { return r.names }

// Row is a row of an answer: a value for each column. It is never changed.
type Row []Value

// Batch is some rows of an answer by columns. It is never changed.
type Batch struct {
	Rows    int
	Columns []Column
}

func newBatchOf(columns int) *Batch { return &Batch{Columns: make([]Column, columns)} }

// Row is row i.
func (b *Batch) Row(i int) Row {
	row := make(Row, len(b.Columns))
	for c := range row {
		row[c] = b.Columns[c].Value(i)
	}
	return row
}

// errUsed: an answer is gone through a second time.
var errUsed = fmt.Errorf("query: %w: an answer can be gone through once; run the query again", store.ErrInvalid)

// Batches is the answer by columns.
func (r *Result) Batches() iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if r.used {
			yield(nil, errUsed)
			return
		}
		r.used = true
		if r.fixed != nil {
			if r.fixed.Rows > 0 {
				yield(r.fixed, nil)
			}
			return
		}
		if r.x.explain != NotExplained {
			r.explained(yield)
			return
		}
		r.each(yield)
	}
}

// each runs the query beside the caller's loop.
func (r *Result) each(yield func(*Batch, error) bool) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	batches := make(chan *Batch, 2)
	var err error
	go func() {
		defer close(batches)
		err = r.run(ctx, func(b *Batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for b := range batches {
		if !yield(b, nil) {
			cancel()
			for range batches { // until the query has ended
			}
			return
		}
	}
	if err != nil {
		yield(nil, err)
	}
}

// run runs the query and completes the statistics.
func (r *Result) run(ctx context.Context, emit func(*Batch) error) error {
	began := time.Now()
	err := r.x.run(ctx, emit)
	r.x.finishStats(time.Since(began))
	r.done = true
	var placed *Error
	if errors.As(err, &placed) { // the text says more than where it was met
		return placed
	}
	return err
}

// Rows is the answer row by row.
func (r *Result) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for b, err := range r.Batches() {
			if err != nil {
				yield(nil, err)
				return
			}
			width := len(b.Columns)
			values := make([]Value, b.Rows*width)
			for c := range b.Columns {
				for i := range b.Rows {
					values[i*width+c] = b.Columns[c].Value(i)
				}
			}
			for i := range b.Rows {
				if !yield(Row(values[i*width:(i+1)*width:(i+1)*width]), nil) {
					return
				}
			}
		}
	}
}

// All is all rows of the answer.
func (r *Result) All() (rows []Row, err error) {
	for row, err := range r.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Structs is the answer as structs: each column goes into the field that
// [store.FieldsOf] gives its name. A value that does not fit its Go field is a
// [*store.FieldError].
func Structs[T any](r *Result) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fields := make(segment.Fields, len(r.names))
		for row, err := range r.Rows() {
			var v T
			if err == nil {
				for i, name := range r.names {
					fields[i] = segment.Field{Name: name, Value: row[i]}
				}
				err = store.Into(fields, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// explained answers EXPLAIN: a row for each line of the plan.
func (r *Result) explained(yield func(*Batch, error) bool) {
	analyze := r.x.explain == ExplainAnalyze
	if analyze {
		if err := r.run(r.ctx, func(*Batch) error { return nil }); err != nil {
			yield(nil, err)
			return
		}
	}
	b := newBatchOf(1)
	for line := range strings.Lines(r.x.String()) {
		b.Columns[0].append(segment.StringOf(strings.TrimSuffix(line, "\n")))
		b.Rows++
	}
	yield(b, nil)
}
