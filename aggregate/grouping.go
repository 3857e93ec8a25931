package aggregate

import (
	"math"
	"math/bits"

	"github.com/annalsdb/annals/segment"
)

// A group is found in steps: each input has a dictionary that numbers its values,
// and a table numbers the pairs of what was found so far and the number in the next
// input. Numbers are dense from 0.

// numbering is a hash table from 64 bits to the number that they were given: open
// addressing with linear probes.
type numbering struct {
	slots []numbered
	n     int
}

type numbered struct {
	key uint64
	at  uint32 // 1 + the number; 0: the slot is empty
}

// find is the number of key, next if it has none yet.
func (t *numbering) find(key uint64, next int) (number uint32, isNew bool) {
	if 2*t.n >= len(t.slots) {
		t.grow()
	}
	s := t.slot(key)
	if s.at == 0 {
		*s = numbered{key, uint32(next) + 1}
		t.n++
		return uint32(next), true
	}
	return s.at - 1, false
}

// slot is the slot that has key, or the empty one where it goes.
func (t *numbering) slot(key uint64) *numbered {
	mask := uint64(len(t.slots) - 1)
	hi, lo := bits.Mul64(key^0x9e3779b97f4a7c15, 0xd1342543de82ef95)
	for i := (hi ^ lo) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.at == 0 || s.key == key {
			return s
		}
	}
}

// known is the number of key, and whether it has one.
func (t *numbering) known(key uint64) (uint32, bool) {
	if t.n == 0 {
		return 0, false
	}
	s := t.slot(key)
	return s.at - 1, s.at != 0
}

func (t *numbering) grow() {
	old := t.slots
	t.slots = make([]numbered, max(64, 4*len(old)))
	for _, s := range old {
		if s.at != 0 {
			*t.slot(s.key) = s
		}
	}
}

// dictionary numbers the values of one input.
type dictionary struct {
	values []segment.Value
	bits   [segment.JSONValue + 1]numbering
	texts  [segment.JSONValue + 1]map[string]uint32
	none   uint32 // 1 + the number of null

	codes []uint32 // of a page's texts: 1 + their numbers, 0 for those not asked for
}

// number is the number of a value, as groups tell them apart.
func (d *dictionary) number(v segment.Value) uint32 {
	switch k := v.Kind(); k {
	case segment.NullValue:
		if d.none == 0 {
			d.values = append(d.values, v)
			d.none = uint32(len(d.values))
		}
		return d.none - 1
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return d.text(k, v.Text())
	case segment.Float64Value:
		return d.float(v.Float64())
	default:
		return d.int(k, keyOf(v))
	}
}

func (d *dictionary) int(k segment.ValueKind, i int64) uint32 {
	n, isNew := d.bits[k].find(uint64(i), len(d.values))
	if isNew {
		d.values = append(d.values, segment.FromInt(k, i))
	}
	return n
}

func (d *dictionary) float(f float64) uint32 {
	v := canonical(segment.Float64Of(f))
	n, isNew := d.bits[segment.Float64Value].find(math.Float64bits(v.Float64()), len(d.values))
	if isNew {
		d.values = append(d.values, v)
	}
	return n
}

func (d *dictionary) text(k segment.ValueKind, s string) uint32 {
	n, ok := d.texts[k][s]
	if !ok {
		if d.texts[k] == nil {
			d.texts[k] = map[string]uint32{}
		}
		n = uint32(len(d.values))
		d.texts[k][s] = n
		d.values = append(d.values, segment.FromText(k, s))
	}
	return n
}

// column fills in dst[j], the number of the value of row rows[j], or of row j if
// rows is nil; the column has n rows.
func (d *dictionary) column(dst []uint32, n int, rows []uint16, parts []segment.FieldColumn) {
	if len(parts) == 1 && parts[0].Rows == nil {
		d.part(dst, rows, &parts[0])
		return
	}
	all := make([]uint32, n)
	null := d.number(segment.NullOf())
	for i := range all {
		all[i] = null
	}
	for k := range parts {
		p := &parts[k]
		numbers := make([]uint32, valuesOf(p, n))
		d.part(numbers, nil, p)
		for i, number := range numbers {
			all[rowOf(p, i)] = number
		}
	}
	for j := range dst {
		dst[j] = all[at(rows, j)]
	}
}

// part fills in the numbers of values rows of p, whose kind is not null for all.
func (d *dictionary) part(dst []uint32, rows []uint16, p *segment.FieldColumn) {
	if len(dst) == 0 {
		return
	}
	switch p.Kind {
	case segment.NullValue:
		null := d.number(segment.NullOf())
		for j := range dst {
			dst[j] = null
		}
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		d.codes = append(d.codes[:0], make([]uint32, len(p.Texts.Dict))...)
		for j := range dst {
			code := &d.codes[p.Texts.Codes[at(rows, j)]]
			if *code == 0 {
				*code = d.text(p.Kind, p.Texts.At(at(rows, j))) + 1
			}
			dst[j] = *code - 1
		}
	case segment.Float64Value:
		for j := range dst {
			dst[j] = d.float(p.Floats[at(rows, j)])
		}
	default:
		last := p.Ints[at(rows, 0)]
		number := d.int(p.Kind, last)
		for j := range dst {
			if v := p.Ints[at(rows, j)]; v != last {
				last, number = v, d.int(p.Kind, v)
			}
			dst[j] = number
		}
	}
}

// at is row j of those chosen; nil stands for all.
func at(rows []uint16, j int) int {
	if rows == nil {
		return j
	}
	return int(rows[j])
}

// rowOf is the row that value i of p is of.
func rowOf(p *segment.FieldColumn, i int) int {
	if p.Rows == nil {
		return i
	}
	return int(p.Rows[i])
}

// valuesOf is how many values p has of n rows.
func valuesOf(p *segment.FieldColumn, n int) int {
	if p.Rows == nil {
		return n
	}
	return len(p.Rows)
}

// pairing numbers pairs of numbers.
type pairing struct {
	left, right []uint32
	table       numbering
}

func (p *pairing) number(left, right uint32) uint32 {
	n, isNew := p.table.find(uint64(left)<<32|uint64(right), len(p.left))
	if isNew {
		p.left, p.right = append(p.left, left), append(p.right, right)
	}
	return n
}

// pairs replaces each left by the number of its pair with the right.
func (p *pairing) pairs(left, right []uint32) {
	for i, r := range right {
		if i > 0 && r == right[i-1] && left[i] == p.left[left[i-1]] {
			left[i] = left[i-1]
			continue
		}
		left[i] = p.number(left[i], r)
	}
}
