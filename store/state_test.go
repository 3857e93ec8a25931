package store

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
)

// What is read of a record, under whatever key and with a checksum made to match, is
// written and read again as the same one. Reading it allocates no more than 1 KiB and two
// bytes for each that is given: it is copied.
func FuzzParseRecord(f *testing.F) {
	seed := func(r record) {
		f.Add([]byte("key"), appendRecord(nil, 7, []byte("key"), &r))
	}
	seed(record{head: head{last: 3, version: 2, seen: never}})
	live := record{head: head{last: 1 << 60, version: 5, seen: 9, order: stamp{9, 1 << 60}}}
	live.live, live.typ, live.content, live.from = true, "paid", "content", origin{seq: 1 << 60, version: 5, time: 9, recorded: 10}
	seed(live)
	live.unknown, live.deleted, live.seen = true, true, -9
	seed(live)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(value) < 6 {
			if _, err := parseRecord(7, key, value); err == nil {
				t.Fatalf("%x is a record", value)
			}
			return
		}
		binary.LittleEndian.PutUint32(value[1:], recordSum(7, key, value[5:]))
		var r record
		var err error
		bound := alloc.Bound{Fixed: 1 << 10, Factor: 2}
		if over := bound.Check(len(value), func() { r, err = parseRecord(7, key, value) }); over != nil {
			t.Fatal(over)
		}
		if err != nil {
			return
		}
		b := appendRecord(nil, 7, key, &r)
		if len(b) > recordBound(&r) {
			t.Fatalf("%d bytes, bound %d", len(b), recordBound(&r))
		}
		again, err := parseRecord(7, key, b)
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%x is %+v, and written again %+v, %v", value, r, again, err)
		}
		if _, err := parseRecord(8, key, b); err == nil {
			t.Fatal("a record of another stream is taken")
		}
	})
}

// What is read of a state under merge is written and read again as the same one. Reading
// it allocates no more than 1 KiB and 24 bytes for each that is given: a field and its
// stamp take four bytes and become 64.
func FuzzParseMerged(f *testing.F) {
	m := &merged{deleted: stamp{1, 2}, changed: stamp{3, 4}}
	m.set(Int64("n", 5), stamp{3, 4})
	m.set(Null("gone"), stamp{3, 4})
	f.Add(m.encode())
	f.Add("\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") // 2⁶⁴ − 1 fields
	f.Add("\x00\x00\x00\x00\xfa\x06" + strings.Repeat("\x00", 4*110)) // some of 890
	f.Fuzz(func(t *testing.T, content string) {
		var m *merged
		var err error
		bound := alloc.Bound{Fixed: 1 << 10, Factor: 24}
		if over := bound.Check(len(content), func() { m, err = parseMerged(content) }); over != nil {
			t.Fatal(over)
		}
		if err != nil {
			return
		}
		encoded := m.encode()
		again, err := parseMerged(encoded)
		if err != nil || !bytes.Equal([]byte(again.encode()), []byte(encoded)) {
			t.Fatalf("%x is %+v, and written again %+v, %v", content, m, again, err)
		}
	})
}
