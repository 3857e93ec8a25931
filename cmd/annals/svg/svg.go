// Package svg writes small charts as SVG: lines, bars, dots and text, in inks that are
// told apart on white paper and on dark, whichever the reader prefers. Lengths are in
// pixels, from the left and the top.
package svg

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Ink is what something is drawn in.
type Ink string

// The inks of all that is no data.
const (
	Plain Ink = "plain"
	Grey  Ink = "grey"
	Faint Ink = "faint"
	paper Ink = "paper"
)

// Inks is how many inks there are for data.
const Inks = 8

// Data is the i-th ink for data, from 0 on; after the last come the first again. They
// are told apart by those who do not see all colours (Okabe and Ito, 2008).
func Data(i int) Ink { return Ink(fmt.Sprintf("i%d", i%Inks)) }

// sheet gives the inks their colours. Whoever does not know the query draws on white.
const sheet = `<style>
.paper{color:#fff}.plain{color:#1f2328}.grey{color:#6a737d}.faint{color:#ddd}.hollow{fill:#fff}
.i0{color:#0072b2}.i1{color:#d55e00}.i2{color:#009e73}.i3{color:#cc79a7}.i4{color:#e69f00}.i5{color:#56b4e9}.i6{color:#000}.i7{color:#999}
@media(prefers-color-scheme:dark){
.paper{color:#0d1117}.plain{color:#e6edf3}.grey{color:#8b949e}.faint{color:#30363d}.hollow{fill:#0d1117}
.i0{color:#3d8fd1}.i6{color:#fff}
}
</style>
`

// Point is a place.
type Point struct{ X, Y float64 }

// Anchor is the part of a text that stands at its place.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Canvas is what was drawn so far, what came later above what came before. The zero
// value is empty.
type Canvas struct{ b strings.Builder }

// Text writes a line of any text: what XML has no place for is shown as U+FFFD.
func (c *Canvas) Text(at Point, anchor Anchor, ink Ink, text string) {
	c.text(at, anchor, ink, "", text)
}

// Title writes a line that is larger than the others.
func (c *Canvas) Title(at Point, text string) {
	c.text(at, Start, Plain, ` font-size="16" font-weight="600"`, text)
}

func (c *Canvas) text(at Point, anchor Anchor, ink Ink, more, text string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s" fill="currentColor"%s>%s</text>`+"\n", ink, at.X, at.Y, anchor, more, escaped(text))
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder fails no write
	return b.String()
}

// Line draws a line through points.
func (c *Canvas) Line(ink Ink, width float64, points ...Point) { c.line(ink, width, "", points) }

// Dashed draws a line of dashes through points.
func (c *Canvas) Dashed(ink Ink, width float64, points ...Point) {
	c.line(ink, width, ` stroke-dasharray="4 3"`, points)
}

func (c *Canvas) line(ink Ink, width float64, more string, points []Point) {
	fmt.Fprintf(&c.b, `<polyline class="%s" fill="none" stroke="currentColor" stroke-width="%g" stroke-linejoin="round"%s points="`, ink, width, more)
	for i, p := range points {
		if i > 0 {
			c.b.WriteByte(' ')
		}
		fmt.Fprintf(&c.b, "%.1f,%.1f", p.X, p.Y)
	}
	c.b.WriteString("\"/>\n")
}

// Bar fills a rectangle, of which at is the left upper corner.
func (c *Canvas) Bar(ink Ink, at Point, width, height float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="currentColor"/>`+"\n", ink, at.X, at.Y, width, height)
}

// Dot draws a dot. Its tip, if it has one, is shown to who points at it.
func (c *Canvas) Dot(ink Ink, at Point, radius float64, tip string) {
	fmt.Fprintf(&c.b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%g" fill="currentColor"`, ink, at.X, at.Y, radius)
	c.tip(tip)
}

// HollowDot draws a ring that hides what is below.
func (c *Canvas) HollowDot(ink Ink, at Point, radius float64, tip string) {
	fmt.Fprintf(&c.b, `<circle class="%s hollow" cx="%.1f" cy="%.1f" r="%g" fill="#fff" stroke="currentColor" stroke-width="1.5"`, ink, at.X, at.Y, radius)
	c.tip(tip)
}

// tip ends a dot, with a tip in it.
func (c *Canvas) tip(tip string) {
	if tip == "" {
		c.b.WriteString("/>\n")
		return
	}
	fmt.Fprintf(&c.b, "><title>%s</title></circle>\n", escaped(tip))
}

// Canvas draws another one, with its left upper corner at a place.
func (c *Canvas) Canvas(at Point, of *Canvas) {
	fmt.Fprintf(&c.b, "<g transform=\"translate(%.0f %.0f)\">\n%s</g>\n", at.X, at.Y, of.b.String())
}

// Document is the canvas as a file of that size.
func (c *Canvas) Document(width, height int) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="11">`+"\n",
		width, height) + sheet +
		fmt.Sprintf(`<rect class="%s" width="100%%" height="100%%" fill="currentColor"/>`+"\n", paper) +
		c.b.String() + "</svg>\n"
}
