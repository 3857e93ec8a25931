package segment

import (
	"encoding/binary"
	"fmt"
)

// The encodings of a page of ints, its first byte. All but packed are slower to
// reach into and have to earn it in size.
const (
	intPacked = iota + 1
	intDelta
	intRuns
)

// restart is how many values of a delta page stand on one base: what at most
// must be added up to reach a value.
const restart = 32

// A page of ints
//
//	1 byte    encoding
//	uvarint   n, the number of values, 1 to 4096
//	packed, 1 numbers of n, patches
//	delta, 2  numbers of ⌈n/32⌉ bases, numbers of n differences, patches of these:
//	          value i is base i/32 plus the differences from 32×(i/32)+1 to i;
//	          those at multiples of 32 say nothing
//	runs, 3   uvarint r, numbers of r starts, the first 0, rising, numbers of r
//	          values: value i is that of the last run that starts at or before i
//	8 bytes   zero, see pageSlack
//
//	numbers = see packed
//	patches = uvarint k, and if k > 0: numbers of k values, k × 2 bytes of places,
//	          rising: the value at such a place is not the packed one but this
//
// A constant page is a packed one whose numbers have no bits.

// appendInts appends a page of the ints v, 1 to blockRows of them.
func appendInts(dst []byte, v []int64) []byte { return appendSurveyed(dst, v, surveyInts(v)) }

// appendSurveyed is appendInts of ints that s is the survey of.
func appendSurveyed(dst []byte, v []int64, s survey) []byte {
	if s.runs > 1 && s.runs*restart <= len(v) { // fewer than bases
		return appendRuns(dst, v, s.runs)
	}
	plain := fit(v, s.lo, s.hi)
	runs := s.runs * (runPlaceBits + plain.full)
	if s.near && len(v) > 2*restart {
		var differences [blockRows]int64
		d := differences[:len(v)]
		lo, hi := differ(d, v)
		delta := fit(d, lo, hi)
		delta.cost += (len(v) + restart - 1) / restart * plain.full
		if delta.cost*5 < plain.cost*4 && delta.cost < 2*runs {
			return appendDelta(dst, v, d, delta)
		}
	}
	if 2*runs < plain.cost {
		return appendRuns(dst, v, s.runs)
	}
	return appendPlainInts(dst, v, plain)
}

// appendDirect is appendInts without differences and runs: for numbers that are
// read one at a time more often than in rows, where a little more room is worth
// the time of a sum.
func appendDirect(dst []byte, v []int64, s survey) []byte {
	return appendPlainInts(dst, v, fit(v, s.lo, s.hi))
}

func appendIntHead(dst []byte, encoding byte, n int) []byte {
	return binary.AppendUvarint(append(dst, encoding), uint64(n))
}

func appendSlack(dst []byte) []byte { return append(dst, make([]byte, pageSlack)...) }

func appendPlainInts(dst []byte, v []int64, f fitting) []byte {
	dst = appendIntHead(dst, intPacked, len(v))
	return appendSlack(appendPatched(dst, v, f))
}

func appendDelta(dst []byte, v, differences []int64, f fitting) []byte {
	dst = appendIntHead(dst, intDelta, len(v))
	bases := make([]int64, 0, blockRows/restart)
	for i := 0; i < len(v); i += restart {
		bases = append(bases, v[i])
	}
	dst = appendNumbers(dst, bases)
	return appendSlack(appendPatched(dst, differences, f))
}

func appendRuns(dst []byte, v []int64, runs int) []byte {
	starts, values := make([]int64, 0, runs), make([]int64, 0, runs)
	for i, x := range v {
		if i == 0 || x != v[i-1] {
			starts, values = append(starts, int64(i)), append(values, x)
		}
	}
	dst = appendIntHead(dst, intRuns, len(v))
	dst = binary.AppendUvarint(dst, uint64(len(starts)))
	dst = appendNumbers(dst, starts)
	dst = appendNumbers(dst, values)
	return appendSlack(dst)
}

// intPage is an opened page of ints.
type intPage struct {
	main     packed // values, differences, values of runs
	base     packed // of a delta page the bases, of runs their starts
	patches  patches
	n        int
	encoding byte
}

// openInts opens what [appendInts] appended, in a time that does not depend on
// the number of values. It keeps b.
func openInts(b []byte) (intPage, error) {
	d := NewDecoder(viewString(b))
	p := intPage{encoding: d.Byte()}
	n, err := d.rows()
	if err != nil {
		return intPage{}, err
	}
	p.n = n
	switch p.encoding {
	case intPacked:
		err = p.openPatched(&d)
	case intDelta:
		if p.base, err = d.packed((n + restart - 1) / restart); err == nil {
			err = p.openPatched(&d)
		}
	case intRuns:
		err = p.openRuns(&d)
	default:
		err = errPageEncoding("ints", p.encoding)
	}
	if err != nil {
		return intPage{}, err
	}
	return p, nil
}

func (p *intPage) openPatched(d *Decoder) (err error) {
	if p.main, err = d.packed(p.n); err != nil {
		return err
	}
	p.patches, err = d.patches(p.n)
	return err
}

func (p *intPage) openRuns(d *Decoder) (err error) {
	runs, err := d.rows()
	if err != nil {
		return err
	}
	if p.base, err = d.packed(runs); err != nil {
		return err
	}
	p.main, err = d.packed(runs)
	return err
}

// name is the encoding, for a person to read.
func (p *intPage) name() string {
	switch {
	case p.encoding == intDelta:
		return fmt.Sprintf("delta %d bits, %d patches", p.main.bits, p.patches.n())
	case p.encoding == intRuns:
		return fmt.Sprintf("%d runs", p.main.n)
	case p.main.bits == 0 && p.patches.n() == 0:
		return "constant"
	}
	return fmt.Sprintf("packed %d bits, %d patches", p.main.bits, p.patches.n())
}

// len is the number of values.
func (p *intPage) len() int { return p.n }

// at is value i, 0 <= i < len.
func (p *intPage) at(i int) int64 {
	switch p.encoding {
	case intDelta:
		return p.atDelta(i)
	case intRuns:
		return p.main.at(p.run(i))
	}
	if p.patches.n() > 0 {
		if x, ok := p.patches.find(i); ok {
			return x
		}
	}
	return p.main.at(i)
}

func (p *intPage) atDelta(i int) int64 {
	from := i &^ (restart - 1)
	x := p.base.at(i / restart)
	if i == from {
		return x
	}
	if p.steady() {
		return x + int64(i-from)*p.main.base
	}
	var sums [restart]int64
	d := sums[:i-from+1]
	p.main.slice(d, from)
	p.patches.apply(d, from)
	for _, y := range d[1:] {
		x += y
	}
	return x
}

// steady reports whether all differences are the same, as those of positions of
// batches of one size are.
func (p *intPage) steady() bool { return p.main.bits == 0 && p.patches.n() == 0 }

// run is the run that value i is in: the last that starts at or before it, the
// first if a forged page has none. It halves without a branch that depends on what
// it finds, which no processor could foresee.
func (p *intPage) run(i int) (r int) {
	for n := p.base.n; n > 1; {
		half := n / 2
		next := r
		if p.base.at(r+half) <= int64(i) {
			next = r + half
		}
		r, n = next, n-half
	}
	return r
}

// slice decodes the len(dst) values from value from on.
func (p *intPage) slice(dst []int64, from int) {
	if len(dst) == 0 {
		return
	}
	if p.encoding == intRuns {
		p.sliceRuns(dst, from)
		return
	}
	p.main.slice(dst, from)
	p.patches.apply(dst, from)
	if p.encoding == intDelta {
		p.add(dst, from)
	}
}

// add makes values of the differences in dst.
func (p *intPage) add(dst []int64, from int) {
	if from%restart != 0 { // the values from here to the next base
		dst[0] = p.atDelta(from)
		n := min(restart-from%restart, len(dst))
		sum(dst[:n])
		dst, from = dst[n:], from+n
	}
	for len(dst) > 0 {
		n := min(restart, len(dst))
		dst[0] = p.base.at(from / restart)
		sum(dst[:n])
		dst, from = dst[n:], from+n
	}
}

// sum replaces each value by the sum of those up to it.
func sum(v []int64) {
	x := v[0]
	for i, y := range v[1:] {
		x += y
		v[i+1] = x
	}
}

// sliceRuns fills run by run. Starts that do not rise, which only a forged page
// has, give some values, not a panic.
func (p *intPage) sliceRuns(dst []int64, from int) {
	for r := p.run(from); len(dst) > 0; r++ {
		n := len(dst)
		if r+1 < p.base.n {
			n = int(max(0, min(p.base.at(r+1)-int64(from), int64(n))))
		}
		fill(dst[:n], p.main.at(r))
		dst, from = dst[n:], from+n
	}
}
