package query

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Of a pattern without _ bytes match as characters do, in texts that are no UTF-8 too.
func TestPattern_BytesAsCharacters(t *testing.T) {
	draw := func(rnd *rand.Rand, of []string, most int) string {
		var b strings.Builder
		for range rnd.IntN(most + 1) {
			b.WriteString(of[rnd.IntN(len(of))])
		}
		return b.String()
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	hits, bytes := 0, 0
	for range 100_000 {
		text := draw(rnd, []string{"a", "b", "é", "ê", "%", "%", "\uFFFD", "\xc3"}, 6)
		p, err := parsePattern(text, "")
		if err != nil {
			t.Fatal(err)
		}
		s := draw(rnd, []string{"a", "b", "é", "ê", "ab", "\uFFFD", "\xc3", "\xa9"}, 7)
		byCharacters := p
		byCharacters.texts = nil
		is := byCharacters.matches(s)
		if p.matches(s) != is {
			t.Fatalf("%q LIKE %q is %v by characters, not by bytes", s, text, is)
		}
		if is {
			hits++
		}
		if p.texts != nil {
			bytes++
		}
	}
	if hits < 1000 || bytes < 1000 {
		t.Fatalf("%d matched, %d by bytes", hits, bytes)
	}
}
