package aggregate

import (
	"context"
	"math"
	"runtime"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Scan says which events of a stream are wanted, and what of them.
type Scan struct {
	Stream  string
	Where   index.Predicate // nil: all
	Columns []string        // fields, and [segment.ColumnTime] and its like but the key
	Workers int
}

// Source gives events by columns: a view of a store. Visit is called in no
// particular order, from Workers goroutines, whose numbers count from 0; calls with
// the same number come one after the other, and a batch is valid during the call. No
// event comes that is retracted.
type Source interface {
	ScanColumns(ctx context.Context, q Scan, visit func(worker int, b *segment.Batch) error) error
}

// Run computes the windows of a definition that begin in [from.Start, from.End), or
// in all of time for the zero Span, from the events of a source, on all processors.
// What it returns is by window, then by group. All of it is final: nothing more
// comes from a source.
//
// Windows that depend on time alone, and sliding ones, cost a scan of the events in
// them. Of sessions, of counted ones, and where functions over time need the value that
// stood before, all events are read.
func Run(ctx context.Context, src Source, d Definition, from Span) ([]Result, error) {
	p, err := NewPlan(d)
	if err != nil {
		return nil, err
	}
	if from == (Span{}) {
		from = Span{math.MinInt64, math.MaxInt64}
	}
	if p.Across() {
		return p.across(ctx, src, from)
	}
	reach := from
	if p.byGroup {
		reach = Span{math.MinInt64, math.MaxInt64}
	}
	c, err := p.Gather(ctx, src, reach, nil)
	if err != nil {
		return nil, err
	}
	return c.Results(from.Start, from.End, math.MaxInt64)
}

// across is Run where windows lie across each other.
func (p *Plan) across(ctx context.Context, src Source, from Span) ([]Result, error) {
	t := p.Timeline()
	if _, hops := p.window.(Hopping); hops {
		c, err := p.Kept().Gather(ctx, src, allTime, nil)
		if err != nil {
			return nil, err
		}
		t.PlaceAll(c)
	} else {
		events, _ := p.Parts(from)
		if err := t.Gather(ctx, src, []Span{events}); err != nil {
			return nil, err
		}
	}
	return t.Results(from.Start, from.End, math.MaxInt64)
}

// Gather is the cells of windows that begin in reach, from the events of a source
// of which also is true, if it is not nil. See [Run] for what is read.
func (p *Plan) Gather(ctx context.Context, src Source, reach Span, also index.Predicate) (*Cells, error) {
	workers, err := p.scan(ctx, src, reach, also, func(c *Cells) (*Cells, error) { return c, nil })
	if err != nil {
		return nil, err
	}
	return p.join(workers)
}

// scan is what each worker has found; after each batch it goes on with the cells that
// relieve gives it for those that it has.
func (p *Plan) scan(ctx context.Context, src Source, reach Span, also index.Predicate, relieve func(c *Cells) (*Cells, error)) ([]*Cells, error) {
	q := Scan{Stream: p.def.Stream, Columns: p.columns, Workers: runtime.GOMAXPROCS(0)}
	q.Where = p.where(p.times(reach), also)
	workers := make([]*Cells, q.Workers)
	for i := range workers {
		workers[i] = p.cellsIn(reach)
	}
	err := src.ScanColumns(ctx, q, func(worker int, b *segment.Batch) error {
		err := workers[worker].Add(b)
		if err == nil {
			workers[worker], err = relieve(workers[worker])
		}
		return err
	})
	return workers, err
}

// cellsIn is room for the cells of windows that begin in reach.
func (p *Plan) cellsIn(reach Span) *Cells {
	c := p.Cells()
	c.From, c.To = reach.Start, reach.End
	return c
}

// join is the cells of all workers.
func (p *Plan) join(workers []*Cells) (*Cells, error) {
	c := workers[0]
	for _, o := range workers[1:] {
		if o.Len() > c.Len() {
			c, o = o, c
		}
		if err := c.Merge(o); err != nil {
			return nil, err
		}
	}
	if _, ok := p.window.(Session); ok {
		return c.Sessions()
	}
	return c, nil
}

// times is where the events of windows lie that begin in reach.
func (p *Plan) times(reach Span) Span {
	switch w := p.window.(type) {
	case Hopping:
		return Span{reach.Start, add(reach.End, int64(w.Size)-1)}
	case Aligned:
		if reach.Start != math.MinInt64 {
			reach.Start = w.At(reach.Start).Start
		}
		if reach.End != math.MaxInt64 {
			reach.End = w.At(add(reach.End, -1)).End
		}
	}
	return reach
}

// where is the predicate of a scan: the events that count, at those times.
func (p *Plan) where(times Span, also index.Predicate) index.Predicate {
	kinds := index.In{Column: segment.ColumnKind, Values: []index.Literal{
		index.Int64Of(int64(segment.Change)), index.Int64Of(int64(segment.Delete))}}
	if p.ordered {
		kinds.Values = append(kinds.Values, index.Int64Of(int64(segment.Heartbeat)))
	}
	all := index.And{kinds}
	if times.Start != math.MinInt64 || times.End != math.MaxInt64 {
		r := index.Range{Column: segment.ColumnTime}
		r.Lo.Value = index.TimeOf(times.Start)
		if times.End != math.MaxInt64 {
			r.Hi = index.Bound{Value: index.TimeOf(times.End), Open: true}
		}
		all = append(all, r)
	}
	for _, more := range [...]index.Predicate{p.def.Where, also} {
		if more != nil {
			all = append(all, more)
		}
	}
	return all
}
