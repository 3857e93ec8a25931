package fuzz

import "bytes"

// readStale makes those sectors of b stale that are to be.
func (f *file) readStale(b []byte, offset int64) {
	var old [sector]byte
	for at := offset; at < offset+int64(len(b)); {
		end := min((at/sector+1)*sector, offset+int64(len(b)))
		now, before := b[at-offset:end-offset], old[:end-at]
		f.node.stale.read(before, at)
		if !bytes.Equal(now, before) && f.disk.Stale(f.node.name) {
			copy(now, before)
		}
		at = end
	}
}

// overwrite keeps how the sectors were that w is about to change.
func (n *node) overwrite(w writing) {
	from := w.offset / sector * sector
	to := (w.offset + int64(len(w.data)) + sector - 1) / sector * sector
	old := make([]byte, to-from)
	n.content.read(old, from)
	n.stale = writing{offset: from, data: old}.apply(n.stale)
}
