package query

import (
	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// addPage adds all values of a page from its statistics, if they tell what the
// aggregate needs: how many there are, the sum of int64s, the least and the greatest.
// ords, all the same, are the groups of rows. The sum of floats that statistics have
// is not exact, and no use.
func (s *summing) addPage(b *batch, ords []uint32) (done bool, err error) {
	if len(s.args) != 1 || s.args[0].op != columnOp || s.filter != nil || s.placed || s.distinct {
		return false, nil
	}
	slot := s.args[0].slot
	all, ok, err := b.told(slot)
	if err != nil || !ok {
		return false, err
	}
	var group uint32
	if ords != nil {
		group = ords[0]
	}
	switch s.kind.name {
	case "count":
		done, err = true, s.countPage(all, ords)
	case "sum", "avg":
		done = s.sumPage(all, int(group))
	case "min", "any_value":
		done, err = s.extremePage(all, group, -1)
	case "max":
		done, err = s.extremePage(all, group, 1)
	}
	if done {
		b.pages[slot] = true
	}
	return done, err
}

func (s *summing) countPage(all []segment.PageStats, ords []uint32) error {
	n := 0
	for i := range all {
		if all[i].Kind != segment.NullValue {
			n += all[i].Count
		}
	}
	if ords != nil {
		ords = ords[:n]
	}
	return s.give(ords, aggregate.Vector{Kind: segment.NullValue, Nulls: n})
}

func (s *summing) sumPage(all []segment.PageStats, group int) bool {
	groups, ok := s.groups.(aggregate.Summed)
	for i := range all {
		if st := &all[i]; st.Kind != segment.NullValue && (st.Kind != segment.Int64Value || !st.HasSum) {
			ok = false
		}
	}
	if !ok {
		return false
	}
	for i := range all {
		if all[i].Kind == segment.Int64Value {
			groups.AddSum(group, all[i].Sum, all[i].Count)
		}
	}
	return true
}

// extremePage takes the least values of a page, side −1, or the greatest, 1.
func (s *summing) extremePage(all []segment.PageStats, group uint32, side int) (bool, error) {
	for i := range all {
		if !tells(&all[i], side) {
			return false, nil
		}
	}
	for i := range all {
		st := &all[i]
		best := st.Min
		if side > 0 {
			best = st.Max
		}
		v := aggregate.Vector{Kind: st.Kind}
		switch {
		case st.Kind == segment.NullValue:
			continue
		case st.Kind == segment.Float64Value:
			v.Floats = []float64{best.Float64()}
		case isText(st.Kind):
			v.Texts = []string{best.Text()}
		default:
			v.Ints = []int64{best.Literal().Int64()}
		}
		if err := s.give([]uint32{group}, v); err != nil {
			return true, err
		}
	}
	return true, nil
}

// textTold is from how many bytes on statistics have only the beginning of a text.
const textTold = 16

// tells reports whether statistics have the least value itself, side −1, or the
// greatest, 1. They do not tell -0 from 0, which are not the same here, nor of NaNs.
func tells(st *segment.PageStats, side int) bool {
	switch {
	case st.Kind == segment.NullValue:
		return true
	case st.Kind == segment.Float64Value && side < 0:
		return st.NaNs == 0 && st.Min.Float64() != 0
	case st.Kind == segment.Float64Value:
		return st.NaNs == 0 && st.Max.Float64() != 0
	case isText(st.Kind) && side < 0:
		return len(st.Min.Text()) < textTold
	case isText(st.Kind):
		return !st.Cut
	}
	return true
}
