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
		return b.loaded.keys[key], nil
	}
	return b.scan.KeyName(key)
}

// KeyName is the name of a key by its number in the file. It is valid for ever.
func (sc *Scan) KeyName(key int) (string, error) {
	s, d := sc.want.s, sc.want.d
	t := &d.tables[keysTable]
	if key < 0 || uint64(key) >= t.rows {
		return "", fmt.Errorf("read key %d of %s: it has %d keys", key, s.Path, t.rows)
	}
	b, _ := slices.BinarySearchFunc(t.blocks, uint64(key), func(k block, key uint64) int {
		if k.row <= key {
			return -1
		}
		return 1
	})
	return s.keyName(d, b-1, key-int(t.blocks[b-1].row))
}
