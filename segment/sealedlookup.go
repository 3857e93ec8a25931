package segment

import "sort"

// ID is the row that has the event ID in the stream, and its key. The filter is
// asked first, then the table of IDs; rows whose hash is the same are compared.
func (s *Sealed) ID(stream uint32, id string) (row uint64, key Keyed, ok bool, err error) {
	d, err := s.opened()
	if err != nil {
		return 0, key, false, err
	}
	hash := int64(Hash(stream, id) >> 32)
	if ok, err = s.mayHave(d, idFilter, uint32(hash)); !ok || err != nil {
		return 0, key, false, err
	}
	t := &d.tables[idTable]
	b := max(sort.Search(len(t.ints), func(i int) bool { return t.ints[i] >= hash })-1, 0)
	for ; b < t.len() && t.ints[b] <= hash; b++ {
		hashes, err := s.must(d, idTable, b, 0)
		if err != nil {
			return 0, key, false, err
		}
		n := hashes.ints.len()
		i := hashes.ints.below(hash)
		for ; i < n && hashes.int(i) == hash; i++ {
			if row, key, ok, err = s.hasID(d, b, i, stream, id); ok || err != nil {
				return row, key, ok, err
			}
		}
	}
	return 0, key, false, nil
}

// hasID reports whether entry i of a block of the table of IDs is that of the ID.
func (s *Sealed) hasID(d *directory, b, i int, stream uint32, id string) (row uint64, key Keyed, ok bool, err error) {
	rows, err := s.must(d, idTable, b, 1)
	if err != nil {
		return 0, key, false, err
	}
	row = uint64(rows.int(i))
	if row >= s.info.Rows {
		return 0, key, false, s.corrupt(d.places[d.slot(&d.tables[idTable], b, 1)].offset, "an ID has a row that is not there")
	}
	p, err := s.may(d, int(row/blockRows), colID)
	if err != nil || p == nil {
		return 0, key, false, err
	}
	j, has := p.find(int(row % blockRows))
	if !has || p.text(j) != id {
		return 0, key, false, nil
	}
	key, err = s.KeyOf(row)
	return row, key, err == nil && key.Stream == stream, err
}

// StateAt is the fold checkpoint of k with the highest row that is at most row:
// the content is the fold of k's changes before that row. It is valid for ever.
func (s *Sealed) StateAt(k *Keyed, row uint64) (at uint64, content string, ok bool, err error) {
	d, err := s.opened()
	if err != nil {
		return 0, "", false, err
	}
	t := &d.tables[stateTable]
	b := t.lastFence(int64(min(row, s.info.Rows)))
	if b < 0 {
		return 0, "", false, nil
	}
	rows, err := s.must(d, stateTable, b, 0)
	if err != nil {
		return 0, "", false, err
	}
	i := rows.ints.below(int64(min(row, s.info.Rows))+1) - 1
	if i < 0 || uint64(rows.int(i)) < k.Row {
		return 0, "", false, nil
	}
	p, err := s.must(d, stateTable, b, 1)
	if err != nil {
		return 0, "", false, err
	}
	return uint64(rows.int(i)), p.text(i), true, nil
}

// Posting is the bitmap of the rows in which column col has the text value, if
// the file has one. It is valid for ever and not to be changed.
func (s *Sealed) Posting(col int, value string) (bitmap []byte, ok bool, err error) {
	d, err := s.opened()
	if err != nil {
		return nil, false, err
	}
	t := &d.tables[postingTable]
	less := func(c int64, v string) bool { return c < int64(col) || c == int64(col) && v <= value }
	b := sort.Search(t.len(), func(b int) bool { return !less(t.ints[b], t.texts[b]) }) - 1
	if b < 0 {
		return nil, false, nil
	}
	cols, err := s.must(d, postingTable, b, 0)
	if err != nil {
		return nil, false, err
	}
	values, err := s.must(d, postingTable, b, 1)
	if err != nil {
		return nil, false, err
	}
	i := sort.Search(cols.ints.len(), func(i int) bool { return !less(cols.int(i), values.text(i)) }) - 1
	if i < 0 || cols.int(i) != int64(col) || values.text(i) != value {
		return nil, false, nil
	}
	p, err := s.must(d, postingTable, b, 2)
	if err != nil {
		return nil, false, err
	}
	return view(p.text(i)), true, nil
}
