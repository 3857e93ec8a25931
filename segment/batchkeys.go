package segment

import (
	"fmt"
	"slices"
)

// KeyRun is that the rows from Row on, up to the next run, are of one key.
type KeyRun struct {
	Row int
	Key int // its number, of those in the file
}

// Keys says which keys the rows have. In a sealed file each key has one run in a
// batch, and numbers rise with names.
func (b *Batch) Keys() ([]KeyRun, error) {
	if b.loaded != nil {
		return b.loadedKeys(), nil
	}
	if len(b.keys) > 0 {
		return b.keys, nil
	}
	done := 0
	for _, s := range b.spans {
		if err := b.spanKeys(s, done); err != nil {
			return nil, err
		}
		done += s.to - s.from
	}
	return b.keys, nil
}

// spanKeys adds the keys of a span, whose rows are those from done on.
func (b *Batch) spanKeys(span rowSpan, done int) error {
	s, d := b.scan.want.s, b.scan.want.d
	t := &d.tables[keysTable]
	first := uint64(b.block) * blockRows
	row, end := first+uint64(span.from), first+uint64(span.to)
	kb, ki, err := s.ownerOf(d, row)
	if err != nil {
		return err
	}
	var space [64]int64
	for start := row; kb < t.len(); kb, ki = kb+1, 0 {
		p, err := s.must(d, keysTable, kb, keyRow)
		if err != nil {
			return err
		}
		for n := t.blockLen(kb); ki < n; {
			v := space[:min(len(space), n-ki)]
			p.slice(v, ki)
			for j, x := range v {
				at := max(uint64(x), start)
				if at >= end {
					return nil
				}
				key := int(t.blocks[kb].row) + ki + j
				if last := len(b.keys) - 1; last < 0 || b.keys[last].Key != key {
					b.keys = append(b.keys, KeyRun{Row: done + int(at-row), Key: key})
				}
			}
			ki += len(v)
		}
	}
	return nil
}

// KeyName is the name of a key by its number in the file. It is valid for ever.
func (b *Batch) KeyName(key int) (string, error) {
	if b.loaded != nil {
		return b.loaded.rows.keys[key], nil
	}
	return b.scan.KeyName(key)
}

// KeyNames appends the names of the keys that Keys says, one for each run. They are
// valid for ever. It costs a fraction of as many calls of KeyName.
func (b *Batch) KeyNames(dst []string) ([]string, error) {
	runs, err := b.Keys()
	if err != nil {
		return dst, err
	}
	if b.loaded != nil {
		for _, run := range runs {
			dst = append(dst, b.loaded.rows.keys[run.Key])
		}
		return dst, nil
	}
	for len(runs) > 0 { // runs of keys that follow each other
		n := 1
		for n < len(runs) && runs[n].Key == runs[0].Key+n {
			n++
		}
		if dst, err = b.scan.keyNames(dst, runs[0].Key, n); err != nil {
			return dst, err
		}
		runs = runs[n:]
	}
	return dst, nil
}

// keyNames appends the names of n keys.
func (sc *Scan) keyNames(dst []string, from, n int) ([]string, error) {
	s, d := sc.want.s, sc.want.d
	t := &d.tables[keysTable]
	for n > 0 {
		b, i, err := sc.placeOf(from)
		if err != nil {
			return dst, err
		}
		p, err := s.must(d, keysTable, b, keyName)
		if err != nil {
			return dst, err
		}
		some := min(n, t.blockLen(b)-i)
		if p.quick {
			for j := range some {
				dst = append(dst, p.text(i+j))
			}
		} else {
			dst = p.texts.appendTexts(dst, i, some)
		}
		from, n = from+some, n-some
	}
	return dst, nil
}

// KeyName is the name of a key by its number in the file. It is valid for ever.
func (sc *Scan) KeyName(key int) (string, error) {
	b, i, err := sc.placeOf(key)
	if err != nil {
		return "", err
	}
	return sc.want.s.keyName(sc.want.d, b, i)
}

// placeOf is the block of a key by its number, and its place in it.
func (sc *Scan) placeOf(key int) (b, i int, err error) {
	s, d := sc.want.s, sc.want.d
	t := &d.tables[keysTable]
	if key < 0 || uint64(key) >= t.rows {
		return 0, 0, fmt.Errorf("read key %d of %s: it has %d keys", key, s.Path, t.rows)
	}
	b, _ = slices.BinarySearchFunc(t.blocks, uint64(key), func(k block, key uint64) int {
		if k.row <= key {
			return -1
		}
		return 1
	})
	return b - 1, key - int(t.blocks[b-1].row), nil
}
