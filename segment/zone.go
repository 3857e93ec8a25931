package segment

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// zonePrefix is how much of the least and the greatest text a zone keeps.
const zonePrefix = 16

// zone is the statistics of one page of the table of rows.
//
//	uvarint count of values
//	ints    varint min, uvarint max − min, one byte: 1 the sum overflows, else
//	        0 and varint sum
//	floats  uvarint count of NaNs; if there are others: 8 bytes each min, max, sum
//	texts   uvarint length and bytes of the least and of the greatest text, at
//	        most 16 bytes each: the greatest one begins with what stands there
//
// Columns of a field have it of the values that are there: rows − count are
// absent. A page without NaN has the sum of its values in row order.
type zone struct {
	rows, count, nans uint32
	overflow          bool // of the sum of ints
	min, max, sum     int64
	fmin, fmax, fsum  float64
	tmin, tmax        string
}

func intZone(v []int64) zone {
	s := surveyInts(v)
	return s.zone(v)
}

// zone is the statistics of v, which s is the survey of.
func (s *survey) zone(v []int64) zone {
	z := zone{count: uint32(len(v)), min: s.lo, max: s.hi}
	var over int64 // its sign says whether a sum has overflowed
	for _, x := range v {
		sum := z.sum + x
		over |= (x ^ sum) & (z.sum ^ sum)
		z.sum = sum
	}
	z.overflow = over < 0
	return z
}

func floatZone(v []float64) zone {
	z := zone{count: uint32(len(v)), fmin: math.Inf(1), fmax: math.Inf(-1)}
	for _, x := range v {
		if x != x {
			z.nans++
			continue
		}
		if x < z.fmin {
			z.fmin = x
		}
		if x > z.fmax {
			z.fmax = x
		}
		z.fsum += x
	}
	return z
}

func textZone(v *texts) zone {
	z := zone{count: uint32(len(v.codes))}
	least, greatest := v.at(0), v.at(0)
	look := func(s string) {
		if s < least {
			least = s
		} else if s > greatest {
			greatest = s
		}
	}
	if 2*len(v.dict) > min(len(v.codes), blockRows) {
		for _, c := range v.codes {
			look(v.dict[c])
		}
	} else {
		var used [blockRows]bool
		for _, c := range v.codes {
			used[c%blockRows] = true
		}
		for c, s := range v.dict {
			if used[c] {
				look(s)
			}
		}
	}
	z.tmin, z.tmax = least[:min(len(least), zonePrefix)], greatest[:min(len(greatest), zonePrefix)]
	return z
}

func (z *zone) append(dst []byte, kind pageKind) []byte {
	dst = binary.AppendUvarint(dst, uint64(z.count))
	switch kind {
	case intPages:
		dst = binary.AppendVarint(dst, z.min)
		dst = binary.AppendUvarint(dst, uint64(z.max)-uint64(z.min))
		if z.overflow {
			return append(dst, 1)
		}
		return binary.AppendVarint(append(dst, 0), z.sum)
	case floatPages:
		dst = binary.AppendUvarint(dst, uint64(z.nans))
		if z.nans == z.count {
			return dst
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(z.fmin))
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(z.fmax))
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(z.fsum))
	}
	return appendText(appendText(dst, z.tmin), z.tmax)
}

// zone reads what append appended of a page with that many rows.
func (d *Decoder) zone(kind pageKind, rows int) zone {
	z := zone{rows: uint32(rows)}
	count := d.Uvarint()
	if count > uint64(rows) {
		d.fail()
	}
	z.count = uint32(count)
	switch kind {
	case intPages:
		z.min = d.Varint()
		z.max = int64(uint64(z.min) + d.Uvarint())
		if z.overflow = d.Byte() == 1; !z.overflow {
			z.sum = d.Varint()
		}
	case floatPages:
		nans := d.Uvarint()
		if nans > count {
			d.fail()
		}
		z.nans = uint32(nans)
		z.fmin, z.fmax = math.Inf(1), math.Inf(-1)
		if nans < count {
			z.fmin, z.fmax = math.Float64frombits(d.uint64()), math.Float64frombits(d.uint64())
			z.fsum = math.Float64frombits(d.uint64())
		}
	default:
		z.tmin, z.tmax = d.Text(), d.Text()
	}
	return z
}

const zoneSize = unsafe.Sizeof(zone{})

// parseZones reads the zones of a column of rows: one a block, without values
// where the block has no page of it.
func (d *directory) parseZones(b []byte, col int) ([]zone, error) {
	t := &d.tables[rowTable]
	zones := make([]zone, t.len())
	p := Decoder{all: viewString(b)}
	for i := range zones {
		zones[i].rows = uint32(t.blockLen(i))
		if d.slot(t, i, col) >= 0 {
			zones[i] = p.zone(t.kinds[col], t.blockLen(i))
		}
	}
	if p.bad || p.Rest() != "" {
		return nil, errZones
	}
	return zones, nil
}

var errZones = errors.New("statistics are malformed")

// zonesOf are the statistics of a column of rows by block, nil if it has no
// pages. They are shared and valid for ever.
func (s *Sealed) zonesOf(col int) ([]zone, error) {
	d, err := s.opened()
	if err != nil || d.zones[col] < 0 {
		return nil, err
	}
	p, err := s.page(d, d.zones[col], 0)
	if err != nil {
		return nil, err
	}
	return *p.zones, nil
}

// zoneOf is the statistics of values of a kind.
func zoneOf(v *vector, kind pageKind) zone {
	switch kind {
	case intPages:
		return intZone(v.ints)
	case floatPages:
		return floatZone(v.floats)
	}
	return textZone(&v.texts)
}
