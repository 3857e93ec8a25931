package svg

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// drawn is a canvas with some of everything, all of whose texts are one.
func drawn(text string) string {
	var c, inner Canvas
	inner.Title(Point{8, 20}, text)
	inner.Text(Point{8, 40}, Middle, Grey, text)
	inner.Dot(Data(0), Point{1.25, 2}, 2.5, text)
	inner.HollowDot(Data(Inks+1), Point{3, 4}, 2.5, text)
	inner.Dot(Data(2), Point{5, 6}, 3, "")
	inner.Line(Faint, 1, Point{0, 0}, Point{1, 1})
	inner.Dashed(Data(3), 1.5, Point{0, 0}, Point{1, 1})
	inner.Bar(Data(4), Point{0, 0}, 10, 20)
	c.Canvas(Point{480, 280}, &inner)
	return c.Document(960, 560)
}

// textsIn are the texts of a document but the style sheet, which has to be XML.
func textsIn(t *testing.T, document string) (texts []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	for within := ""; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = token.Name.Local
		case xml.EndElement:
			within = ""
		case xml.CharData:
			if within == "text" || within == "title" {
				texts = append(texts, string(token))
			}
		}
	}
}

// TestCanvas_AnyText: no text leads out of its element, and all that XML can hold is there.
func TestCanvas_AnyText(t *testing.T) {
	for text, want := range map[string]string{
		`eu`:                         `eu`,
		`</text><script>&amp;"'`:     `</text><script>&amp;"'`,
		"]]> größe 茶 🎈":              "]]> größe 茶 🎈",
		"\x00\x1b[31m\xff\ufffe":     "��[31m��",
		"--><!-- <!DOCTYPE x> <?y?>": "--><!-- <!DOCTYPE x> <?y?>",
	} {
		texts := textsIn(t, drawn(text))
		if len(texts) != 4 {
			t.Errorf("%q: %d texts, want 4", text, len(texts))
		}
		for _, got := range texts {
			if got != want {
				t.Errorf("%q is %q, want %q", text, got, want)
			}
		}
	}
}

// TestCanvas_Inks: what is drawn has an ink that the sheet knows.
func TestCanvas_Inks(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(drawn("x")))
	seen := map[string]bool{}
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			if a.Name.Local != "class" {
				continue
			}
			for class := range strings.FieldsSeq(a.Value) {
				seen[class] = true
				if !strings.Contains(sheet, "."+class+"{") {
					t.Errorf("%s: the sheet has no %s", e.Name.Local, class)
				}
			}
		}
	}
	for _, class := range []string{"paper", "plain", "grey", "faint", "hollow", "i0", "i1", "i4"} {
		if !seen[class] {
			t.Errorf("nothing is in %s", class)
		}
	}
}
