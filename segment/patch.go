package segment

import "encoding/binary"

// patches are the values of a packed page that are too wide for it. The zero
// patches are none.
type patches struct {
	values packed
	places []byte // two bytes each, rising
}

// appendPatched appends v as numbers of the width that f says, and the patches
// for those that do not fit.
func appendPatched(dst []byte, v []int64, f fitting) []byte {
	dst = appendPacked(dst, v, f.packing)
	dst = binary.AppendUvarint(dst, uint64(f.patches))
	if f.patches == 0 {
		return dst
	}
	values := make([]int64, 0, f.patches)
	places := make([]byte, 0, 2*f.patches)
	q := f.divider()
	limit := uint64(1)<<f.bits - 1
	for i, x := range v {
		if q.stored(x) > limit {
			values = append(values, x)
			places = binary.LittleEndian.AppendUint16(places, uint16(i))
		}
	}
	return append(appendNumbers(dst, values), places...)
}

// patches reads the patches of n values.
func (d *Decoder) patches(n int) (p patches, err error) {
	k := d.Uvarint()
	if d.bad || k > uint64(n) {
		return patches{}, errPageShort
	}
	if k == 0 {
		return patches{}, nil
	}
	if p.values, err = d.packed(int(k)); err != nil {
		return patches{}, err
	}
	if len(d.Rest()) < 2*int(k) {
		return patches{}, errPageShort
	}
	p.places = view(d.Bytes(2 * int(k)))
	return p, nil
}

func (p *patches) n() int { return p.values.n }

func (p *patches) place(k int) int { return int(binary.LittleEndian.Uint16(p.places[2*k:])) }

// lower is the first patch at place i or behind it.
func (p *patches) lower(i int) int {
	lo, hi := 0, p.n()
	for lo < hi {
		if mid := (lo + hi) / 2; p.place(mid) < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// find is the patch of value i.
func (p *patches) find(i int) (x int64, ok bool) {
	if k := p.lower(i); k < p.n() && p.place(k) == i {
		return p.values.at(k), true
	}
	return 0, false
}

// apply patches dst, the values from value from on. Places that do not rise,
// which only a forged page has, are passed over.
func (p *patches) apply(dst []int64, from int) {
	if p.n() == 0 {
		return
	}
	for k := p.lower(from); k < p.n(); k++ {
		i := uint(p.place(k) - from)
		if i >= uint(len(dst)) {
			return
		}
		dst[i] = p.values.at(k)
	}
}
