package segment

import (
	"slices"
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
)

// readAll reads a page of any kind in every way, if it opens.
func readAll(b []byte) {
	if p, err := openInts(b); err == nil {
		out := make([]int64, p.len())
		for _, span := range spans(p.len()) {
			p.slice(out[:span[1]-span[0]], span[0])
		}
		for i := range p.len() {
			p.at(i)
		}
		_ = p.name()
	}
	if p, err := openFloats(b); err == nil {
		out := make([]float64, p.len())
		for _, span := range spans(p.len()) {
			p.slice(out[:span[1]-span[0]], span[0])
		}
		for i := range p.len() {
			p.at(i)
		}
		_ = p.name()
	}
	if p, err := openTexts(b); err == nil {
		readTexts(&p)
	}
}

func readTexts(p *textPage) {
	var out texts
	for _, span := range spans(p.len()) {
		p.slice(&out, span[0], span[1]-span[0])
		for i := range out.codes {
			out.at(i)
		}
	}
	for i := range p.len() {
		p.at(i)
	}
	p.search("")
	p.search("m")
	p.search(p.at(p.len() / 2))
	_ = p.name()
}

// everyPage is a page of each case.
func everyPage(n int) (pages [][]byte) {
	for _, c := range intCases(n) {
		pages = append(pages, appendInts(nil, c.v))
	}
	for _, c := range floatCases(n) {
		pages = append(pages, appendFloats(nil, c.v))
	}
	for _, c := range textCases(n) {
		pages = append(pages, appendTexts(nil, textsOf(c.v)))
	}
	return pages
}

// No cut and no flipped bit of a page's front makes reading it panic. Whether
// the values are right is for the checksum of the file to say.
func TestPage_Damaged(t *testing.T) {
	for _, page := range everyPage(70) {
		for n := range min(len(page), 60) {
			readAll(slices.Clip(page[:n]))
			readAll(slices.Clip(page[:len(page)-n]))
			for bit := range 8 {
				b := slices.Clone(page)
				b[n] ^= 1 << bit
				readAll(b)
			}
		}
	}
}

// An empty page, one without rows, one with too many and one in an encoding
// that there is not are refused.
func TestPage_Refused(t *testing.T) {
	for _, page := range [][]byte{nil, {1}, {1, 0, 0, 0}, {1, 0x81, 0x20, 0, 0, 0}, {9, 1, 0, 0}, {1, 1, 58, 0, 1}, {1, 9, 8, 0, 1, 2}} {
		if _, err := openInts(page); err == nil {
			t.Errorf("ints of % x open", page)
		}
		if _, err := openFloats(page); err == nil {
			t.Errorf("floats of % x open", page)
		}
		if _, err := openTexts(page); err == nil {
			t.Errorf("texts of % x open", page)
		}
	}
}

// A page of any bytes is refused or read, and never a panic. Opening it allocates no
// more than 1 MiB and 300 bytes for each of the page: what is compressed may grow to 256
// times that, and a decompressor is made once. The texts of one that is open allocate
// no more than 512 KiB, for 4096 of them, and 96 bytes for each that it has grown to:
// they stand on up to 15 others, in memory that grows with them.
func FuzzOpenPage(f *testing.F) {
	for _, page := range everyPage(40) {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(b)
		var p textPage
		var err error
		over := alloc.Bound{Fixed: 1 << 20, Factor: 300}.Check(len(b), func() {
			openInts(b)
			openFloats(b)
			p, err = openTexts(b)
		})
		if over != nil {
			t.Fatal(over)
		}
		if err == nil {
			over = alloc.Bound{Fixed: 512 << 10, Factor: 96}.Check(max(len(b), p.grown), func() {
				var out texts
				p.slice(&out, 0, p.len())
			})
		}
		if over != nil {
			t.Fatalf("texts: %v", over)
		}
		readAll(b)
	})
}
