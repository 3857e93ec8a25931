package aggregate

import (
	"context"
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// rangesMost is how many stretches of time are asked for apart.
const rangesMost = 64

// namedMost is how many values of an input are asked for by name: each row that nothing
// else rules out is compared with all of them.
const namedMost = 64

// Refold computes cells anew from the events of a source: those with keys, whose
// windows, with the ends of sessions, are windows. Other cells in the result were not
// asked for, and may lack events.
func (p *Plan) Refold(ctx context.Context, src Source, keys [][]byte, windows []Span) (*Cells, error) {
	times := make([]Span, len(windows))
	for i, w := range windows {
		times[i] = p.Within(w)
	}
	slices.SortFunc(times, Span.Compare)
	var joined []Span
	for _, t := range times {
		if n := len(joined) - 1; n >= 0 && t.Start <= joined[n].End {
			joined[n].End = max(joined[n].End, t.End)
		} else {
			joined = append(joined, t)
		}
	}
	if len(joined) > rangesMost {
		joined = []Span{{joined[0].Start, joined[len(joined)-1].End}}
	}
	groups, err := p.ofGroups(keys)
	if err != nil {
		return nil, err
	}
	return p.Gather(ctx, src, allTime, append(groups, DuringAny(joined)))
}

// ofGroups is true of all events of the groups that keys of cells have, and of few
// others where their inputs can be asked for: keys, types and fields, of few values.
func (p *Plan) ofGroups(keys [][]byte) (index.And, error) {
	named := make([]map[segment.Value]bool, len(p.def.By))
	for i := range named {
		named[i] = map[segment.Value]bool{}
	}
	for _, key := range keys {
		_, text, err := p.ReadKey(key)
		if err != nil {
			return nil, err
		}
		d := segment.NewDecoder(string(text))
		for i := range named {
			named[i][d.Value()] = true
		}
		if d.Bad() || d.Rest() != "" {
			return nil, p.badKey(key)
		}
	}
	var all index.And
	for i, in := range p.def.By {
		if is := in.oneOf(named[i]); is != nil {
			all = append(all, is)
		}
	}
	return all, nil
}

// oneOf is true of all events whose value of the input is, as groups tell them apart,
// one of some; nil if that cannot be asked for. It is true of others too: predicates
// take 1 for 1.0.
func (in Input) oneOf(values map[segment.Value]bool) index.Predicate {
	_, own := columnNames[in.Column]
	if in.Of != nil || own && in.Column != segment.ColumnKey && in.Column != segment.ColumnType || len(values) > namedMost {
		return nil
	}
	is, null := index.In{Column: in.Column}, false
	for v := range values {
		switch f := v.Float64(); {
		case f != f: // no NaN is equal to another, to predicates
			return nil
		case v.IsNull():
			null = true
		default:
			is.Values = append(is.Values, v.Literal())
		}
	}
	if null {
		return index.Or{index.IsNull{Column: in.Column}, is}
	}
	return is
}
