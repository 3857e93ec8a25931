package main

import (
	"math"

	"github.com/annalsdb/annals/cmd/annals/svg"
)

// Sizes of a picture in pixels.
const (
	pictureWidth  = 960
	pictureHeight = 480
	pictureEdge   = 24
	pictureHead   = 84 // above what is drawn
	pictureFoot   = 48 // below it
	letterWidth   = 6.4
	lineColumns   = 142 // that there is room for
	barHeight     = 24.0
)

const (
	maxTraces = svg.Inks
	maxDots   = 400 // of a trace; beyond these it is its line alone
)

// svg draws the picture: lines over time, or bars.
func (p *picture) svg() string {
	var c svg.Canvas
	c.Title(svg.Point{X: pictureEdge, Y: 30}, sanitize(p.title))
	for i, line := range p.about {
		c.Text(svg.Point{X: pictureEdge, Y: 49 + 16*float64(i)}, svg.Start, svg.Grey, fit(sanitize(line), lineColumns))
	}
	if p.windows {
		p.drawLines(&c)
		return c.Document(pictureWidth, pictureHeight)
	}
	p.drawBars(&c)
	return c.Document(pictureWidth, pictureHead+pictureEdge+int(barHeight)*len(p.traces))
}

// plane is the part of a picture that has axes, and the values at its edges.
type plane struct {
	left, right, top, bottom float64
	from, to                 float64 // of time
	low, high                float64 // of values
}

func (l *plane) at(x, y float64) svg.Point {
	return svg.Point{X: l.left + part(x, l.from, l.to)*(l.right-l.left), Y: l.bottom - part(y, l.low, l.high)*(l.bottom-l.top)}
}

// part is where v lies between low, which is 0, and high, which is 1.
func part(v, low, high float64) float64 {
	if high <= low {
		return 0
	}
	return (v/2 - low/2) / (high/2 - low/2) // halves, lest the difference overflow
}

// drawLines draws a line for each group over the starts of windows.
func (p *picture) drawLines(c *svg.Canvas) {
	var points []point
	first, last, end := p.traces[0].spots[0].from, p.traces[0].spots[0].from, p.traces[0].spots[0].to
	for _, t := range p.traces {
		for _, s := range t.spots {
			points = append(points, point{float64(s.from), s.value})
			first, last, end = min(first, s.from), max(last, s.from), max(end, s.to)
		}
	}
	if first == last { // a single window is as wide as it is long
		last = end
	}
	l := plane{left: pictureEdge, right: pictureWidth - pictureEdge, top: pictureHead, bottom: pictureHeight - pictureFoot,
		from: float64(first), to: float64(last)}
	l.low, l.high = bounds(points)
	margin := (l.high/2 - l.low/2) / 10
	l.high = min(l.high+margin, math.MaxFloat64)
	if l.low < 0 {
		l.low = max(l.low-margin, -math.MaxFloat64)
	}
	if len(p.traces) > 1 {
		l.right -= p.drawLegend(c)
	}
	values := numberTicks(l.low, l.high, 6)
	widest := 0
	for _, k := range values {
		widest = max(widest, width(k.label))
	}
	l.left += float64(widest)*letterWidth + 6
	for _, k := range values {
		c.Line(svg.Faint, 1, svg.Point{X: l.left, Y: l.at(0, k.at).Y}, svg.Point{X: l.right, Y: l.at(0, k.at).Y})
		c.Text(svg.Point{X: l.left - 6, Y: l.at(0, k.at).Y + 4}, svg.End, svg.Grey, k.label)
	}
	for _, k := range timeTicks(first, last, p.zone, int((l.right-l.left)/56)) {
		x := l.at(k.at, 0).X
		c.Line(svg.Grey, 1, svg.Point{X: x, Y: l.bottom}, svg.Point{X: x, Y: l.bottom + 5})
		c.Text(svg.Point{X: x, Y: l.bottom + 18}, svg.Middle, svg.Grey, k.label)
		c.Text(svg.Point{X: x, Y: l.bottom + 32}, svg.Middle, svg.Grey, k.below)
	}
	c.Line(svg.Grey, 1, svg.Point{X: l.left, Y: l.bottom}, svg.Point{X: l.right, Y: l.bottom})
	radius := 2.5
	for _, t := range p.traces {
		if len(t.spots) > maxDots/4 {
			radius = 1.5
		}
	}
	for i := len(p.traces) - 1; i >= 0; i-- { // the greatest above the others
		p.traces[i].draw(c, &l, svg.Data(i), radius)
	}
}

// drawLegend names the groups at the right and returns the width that they take.
func (p *picture) drawLegend(c *svg.Canvas) float64 {
	const most = 28 // columns
	widest := 0
	for _, t := range p.traces {
		widest = max(widest, min(width(t.label), most))
	}
	taken := float64(widest)*letterWidth + 32
	for i, t := range p.traces {
		at := svg.Point{X: pictureWidth - pictureEdge - taken + 12, Y: pictureHead + 18*float64(i)}
		c.Bar(svg.Data(i), svg.Point{X: at.X, Y: at.Y}, 12, 4)
		c.Text(svg.Point{X: at.X + 18, Y: at.Y + 6}, svg.Start, svg.Plain, fit(t.label, most))
	}
	return taken
}

// draw draws a trace. It is a line where one window follows on another, dashed to what
// is provisional; alone, a window is a dot.
func (t *trace) draw(c *svg.Canvas, l *plane, ink svg.Ink, radius float64) {
	var line []svg.Point
	end := func() {
		if len(line) > 1 {
			c.Line(ink, 1.5, line...)
		}
		line = nil
	}
	alone := make([]bool, len(t.spots))
	for i, s := range t.spots {
		at := l.at(float64(s.from), s.value)
		follows := i > 0 && t.spots[i-1].to >= s.from
		alone[i] = !follows && (i+1 == len(t.spots) || s.to < t.spots[i+1].from)
		switch {
		case !follows:
			end()
		case s.open:
			end()
			before := t.spots[i-1]
			c.Dashed(ink, 1.5, l.at(float64(before.from), before.value), at)
		}
		line = append(line, at)
	}
	end()
	for i, s := range t.spots {
		at := l.at(float64(s.from), s.value)
		switch {
		case s.open:
			c.HollowDot(ink, at, radius+0.5, s.tip)
		case alone[i] || len(t.spots) <= maxDots:
			c.Dot(ink, at, radius, s.tip)
		}
	}
}

// drawBars draws a bar for each group, from 0 to its value.
func (p *picture) drawBars(c *svg.Canvas) {
	labels, digits := 0, 0
	low, high := 0.0, 0.0
	for _, t := range p.traces {
		v := t.spots[0].value
		labels = max(labels, width(t.label))
		digits = max(digits, width(shortNumber(v)))
		low, high = min(low, v), max(high, v)
	}
	labels = min(labels, 40)
	l := plane{left: pictureEdge + float64(labels)*letterWidth + 8, right: pictureWidth - pictureEdge - float64(digits)*letterWidth - 8, from: low, to: high}
	for i, t := range p.traces {
		s := t.spots[0]
		y := pictureHead + barHeight*float64(i)
		from, to := l.at(min(s.value, 0), 0).X, l.at(max(s.value, 0), 0).X
		c.Bar(svg.Data(0), svg.Point{X: from, Y: y + 3}, max(to-from, 1), barHeight-6)
		c.Text(svg.Point{X: l.left - 8, Y: y + barHeight/2 + 4}, svg.End, svg.Plain, fitPath(t.label, labels))
		c.Text(svg.Point{X: to + 6, Y: y + barHeight/2 + 4}, svg.Start, svg.Grey, shortNumber(s.value))
	}
}
