package main

import (
	"strings"
	"time"
)

// page is what the demo prints: blocks of lines, two side by side where the
// screen is wide enough.
type page struct {
	screen
	text strings.Builder
}

const (
	pageWidth = 100 // no wider, for the eye
	gutter    = 4
)

func newPage(s screen) *page {
	if s.width == 0 || s.width > pageWidth {
		s.width = pageWidth
	}
	return &page{screen: s}
}

func (p *page) line(text string) { p.text.WriteString(strings.TrimRight(text, " ") + "\n") }

// take is what the page holds, which it then forgets.
func (p *page) take() string {
	text := p.text.String()
	p.text.Reset()
	return text
}

// wide reports whether two blocks fit side by side.
func (p *page) wide() bool { return p.width >= 90 }

// half is the width of a block that may stand beside another.
func (p *page) half() int {
	if p.wide() {
		return (p.width - gutter) / 2
	}
	return p.width
}

// block is one answer: a headline, the time it took, and lines of a width.
type block struct {
	head  string
	took  time.Duration
	width int
	lines []string
}

// render is the block's lines, the headline first with the time at its end.
func (p *page) render(b *block) []string {
	time := duration(b.took)
	head := fit(b.head, b.width-width(time)-2)
	gap := b.width - width(head) - width(time)
	return append([]string{p.paint(title, head) + strings.Repeat(" ", gap) + p.paint(dim, time)}, b.lines...)
}

// block prints one block.
func (p *page) block(b *block) {
	for _, line := range p.render(b) {
		p.line(line)
	}
	p.line("")
}

// pair prints two blocks, side by side where they fit.
func (p *page) pair(left, right *block) {
	if !p.wide() {
		p.block(left)
		p.block(right)
		return
	}
	l, r := p.render(left), p.render(right)
	for i := range max(len(l), len(r)) {
		line := pad(at(l, i), p.half()) + strings.Repeat(" ", gutter) + at(r, i)
		p.line(line)
	}
	p.line("")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
