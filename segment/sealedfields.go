package segment

import "slices"

// FieldKinds is a field and the kinds of its values.
type FieldKinds struct {
	Name  string
	Kinds []ValueKind // rising
}

// Fields is the fields that a row of the stream of that name has, null or not, each
// once. It looks at statistics, and at rows where a block has those of two streams.
func (s *Sealed) Fields(stream string) ([]FieldKinds, error) {
	d, err := s.opened()
	if err != nil {
		return nil, err
	}
	var all []FieldKinds
	places := map[string]int{}
	for i, f := range d.fields {
		has, err := s.streamHas(stream, firstField+i)
		if err != nil {
			return nil, err
		}
		if !has {
			continue
		}
		at, ok := places[f.name]
		if !ok {
			at = len(all)
			places[f.name] = at
			all = append(all, FieldKinds{Name: f.name})
		}
		all[at].Kinds = append(all[at].Kinds, f.kind)
	}
	for i := range all {
		slices.Sort(all[i].Kinds)
	}
	return all, nil
}

// streamHas reports whether a row of the stream has a value in a column.
func (s *Sealed) streamHas(stream string, col int) (bool, error) {
	zones, err := s.zonesOf(col)
	if err != nil {
		return false, err
	}
	starts, err := s.streamRows()
	if err != nil {
		return false, err
	}
	for i := range s.info.Streams {
		if s.info.Streams[i].Def.Name != stream {
			continue
		}
		from, to := starts[i], starts[i+1]
		for b := int(from / blockRows); uint64(b)*blockRows < to; b++ {
			if zones != nil && zones[b].count == 0 {
				continue
			}
			if first := uint64(b) * blockRows; zones != nil && first >= from && first+uint64(s.blockLen(b)) <= to {
				return true, nil
			}
			if has, err := s.blockHas(b, max(from, uint64(b)*blockRows), min(to, uint64(b+1)*blockRows), col); has || err != nil {
				return has, err
			}
		}
	}
	return false, nil
}

// blockHas reports whether one of the rows of a block has a value in a column.
func (s *Sealed) blockHas(b int, from, to uint64, col int) (bool, error) {
	d, err := s.opened()
	if err != nil {
		return false, err
	}
	var scratch Columns
	var f FieldColumn
	f.reset(d.fields[col-firstField].name, d.fields[col-firstField].kind, col)
	first := uint64(b) * blockRows
	if err := s.someField(d, b, int(from-first), int(to-first), 0, &scratch, &f); err != nil {
		return false, err
	}
	return f.n > 0, nil
}
