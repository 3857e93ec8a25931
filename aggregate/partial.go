package aggregate

import (
	"fmt"

	"github.com/annalsdb/annals/segment"
)

// Partial is the partial result of one function over one group: [Groups] of one,
// for rows that come one at a time. One goroutine may use it at a time.
type Partial struct {
	f Function
	g Groups
	v Vector

	i [1]int64
	x [1]float64
	s [1]string
	t [1]int64
	p [1]int64
}

// NewPartial is an empty partial result of f.
func NewPartial(f Function) *Partial { return &Partial{f: f, g: f.Groups(1)} }

// Decode reads what AppendBinary appended to nothing.
func Decode(f Function, b []byte) (*Partial, error) {
	p := NewPartial(f)
	if err := p.g.MergeBinary(0, b); err != nil {
		return nil, err
	}
	return p, nil
}

// Groups is p as a group, the only one.
func (p *Partial) Groups() Groups { return p.g }

// Add takes in a row. For functions of class Ordered rows must come in order,
// otherwise the error is [ErrOrder].
func (p *Partial) Add(r Row) error {
	if g, ok := p.g.(*stretches); ok {
		return g.append(r)
	}
	return p.g.Add(nil, p.vector(r))
}

// Remove takes a row away; the function must be an [Inverse].
func (p *Partial) Remove(r Row) error {
	g, ok := p.g.(Inverse)
	if !ok {
		return noInverse(p.f)
	}
	return g.Remove(nil, p.vector(r))
}

// Merge takes in what o has.
func (p *Partial) Merge(o *Partial) error { return p.g.Merge(nil, o.g) }

// Subtract takes away what o has; the function must be an [Inverse].
func (p *Partial) Subtract(o *Partial) error {
	g, ok := p.g.(Inverse)
	if !ok {
		return noInverse(p.f)
	}
	return g.Subtract(nil, o.g)
}

// AppendBinary appends the encoding of p; see [Groups].
func (p *Partial) AppendBinary(dst []byte) ([]byte, error) { return p.g.AppendBinary(dst, 0) }

// Result is the function's value over what was taken in.
func (p *Partial) Result() (segment.Value, error) { return p.g.Result(0) }

// vector is r as a column.
func (p *Partial) vector(r Row) *Vector {
	p.v = Vector{Kind: r.Value.Kind(), Beats: r.Beat}
	p.t[0], p.p[0] = r.Time, int64(r.Seq)
	p.v.Time, p.v.Seq = p.t[:], p.p[:]
	switch p.v.Kind {
	case segment.Float64Value:
		p.x[0] = r.Value.Float64()
		p.v.Floats = p.x[:]
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		p.s[0] = r.Value.Text()
		p.v.Texts = p.s[:]
	case segment.NullValue:
		p.v.Nulls = 1
	default:
		p.i[0] = keyOf(r.Value)
		p.v.Ints = p.i[:]
	}
	return &p.v
}

func noInverse(f Function) error { return fmt.Errorf("%s cannot take away what was added", f) }
