package segment

import (
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
)

// What is read of a definition is written and read again as the same one. Reading it
// allocates no more than 1 KiB: its texts are parts of what is given.
func FuzzParseStream(f *testing.F) {
	for _, s := range []Stream{{Number: 1, Name: "orders", Fold: "replace"}, {Number: 1 << 31, Fold: "merge", ByArrival: true, OnlyChanges: true}} {
		f.Add(string(AppendStream(nil, 1, s)[8:]))
	}
	f.Add("\x80\x80\x80\x80\x10\x00\x00\x00") // stream 2³²
	f.Fuzz(func(t *testing.T, body string) {
		var s Stream
		var err error
		if over := (alloc.Bound{Fixed: 1 << 10}).Check(len(body), func() { s, err = ParseStream(body) }); over != nil {
			t.Fatal(over)
		}
		if err != nil {
			return
		}
		row := AppendStream(nil, 1, s)
		again, err := ParseStream(string(row[8:]))
		if err != nil || again != s {
			t.Fatalf("%q is %+v, and written again %+v, %v", body, s, again, err)
		}
		if len(row)-8 > len(body) {
			t.Fatalf("%q is written again as %d bytes", body, len(row)-8)
		}
	})
}
