package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/cmd/annals/svg"
)

// curve is a chart of lines, both of whose axes are logarithmic.
type curve struct {
	title  string
	xUnit  string
	unit   string // of y
	series []series
}

type series struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

// curves are what can be drawn.
func (r *Results) curves() []curve {
	groups := r.groups()
	return append(growths(groups), latencies(groups)...)
}

// growths are the main figures of workloads that were measured at several sizes.
func growths(groups []group) (all []curve) {
	for len(groups) > 0 {
		same := 1
		for same < len(groups) && groups[same].workload == groups[0].workload && groups[same].load == groups[0].load {
			same++
		}
		c := curve{title: groups[0].workload.Name, xUnit: "events"}
		for _, g := range groups[:same] {
			for _, e := range g.entries {
				if s, ok := e.main(); ok && e.Side != LimitSide && g.workload.Grows {
					c.unit = s.unit
					c.add(e.Side, point{float64(g.events), s.median})
				}
			}
		}
		c.series = slices.DeleteFunc(c.series, func(s series) bool { return len(s.points) < 2 })
		if len(c.series) > 0 {
			all = append(all, c)
		}
		groups = groups[same:]
	}
	return all
}

// latencies are curves of latency against throughput.
func latencies(groups []group) (all []curve) {
	for _, g := range groups {
		c := curve{title: g.workload.Name + ": p50 against rate", xUnit: "events/s", unit: "ns"}
		for _, e := range g.entries {
			for _, p := range medianPoints(e.Outcome) {
				c.add(e.Side, point{p.Rate, p.P50})
			}
		}
		if len(c.series) > 0 {
			all = append(all, c)
		}
	}
	return all
}

func (c *curve) add(name string, p point) {
	for i := range c.series {
		if c.series[i].name == name {
			c.series[i].points = append(c.series[i].points, p)
			return
		}
	}
	c.series = append(c.series, series{name, []point{p}})
}

// Sizes of a panel of the SVG and of the margins in it.
const (
	panelWidth, panelHeight            = 480, 280
	marginLeft, marginRight, marginTop = 100, 110, 36
	marginBottom                       = 40
	plotWidth                          = panelWidth - marginLeft - marginRight
	plotHeight                         = panelHeight - marginTop - marginBottom
)

// SVG is all that can be drawn: bars for each workload and size, then curves, two
// panels in a row.
func (r *Results) SVG() string {
	var panels []*svg.Canvas
	for _, g := range r.groups() {
		if p := barPanel(&g); p != nil {
			panels = append(panels, p)
		}
	}
	return document(append(panels, r.linePanels()...))
}

// GrowthSVG is the curves alone.
func (r *Results) GrowthSVG() string { return document(r.linePanels()) }

func (r *Results) linePanels() (panels []*svg.Canvas) {
	for _, c := range r.curves() {
		panels = append(panels, c.panel())
	}
	return panels
}

func document(panels []*svg.Canvas) string {
	var all svg.Canvas
	for i, p := range panels {
		all.Canvas(svg.Point{X: float64(i % 2 * panelWidth), Y: float64(i / 2 * panelHeight)}, p)
	}
	return all.Document(2*panelWidth, (len(panels)+1)/2*panelHeight)
}

// barPanel is the main figures of a group, nil if there are none.
func barPanel(g *group) *svg.Canvas {
	most, n := 0.0, 0
	for _, e := range g.entries {
		if s, ok := e.main(); ok && e.Side != LimitSide {
			most, n = max(most, s.max), n+1
		}
	}
	if n == 0 {
		return nil
	}
	var c svg.Canvas
	c.Text(svg.Point{X: 8, Y: 20}, svg.Start, svg.Plain, fmt.Sprintf("%s, %s events", g.workload.Name, load.Count(g.events)))
	height, at := min(float64(plotHeight)/float64(n), 28), float64(marginTop)
	for _, e := range g.entries {
		s, ok := e.main()
		if !ok || e.Side == LimitSide {
			continue
		}
		place := func(v, down float64) svg.Point { return svg.Point{X: marginLeft + v/most*plotWidth, Y: at + down} }
		c.Text(svg.Point{X: marginLeft - 6, Y: at + height/2 + 4}, svg.End, svg.Plain, e.Side)
		c.Bar(ink(e.Side), place(0, 2), s.median/most*plotWidth, height-4)
		c.Line(svg.Plain, 1, place(s.min, height/2), place(s.max, height/2))
		c.Text(svg.Point{X: place(s.max, 0).X + 5, Y: at + height/2 + 4}, svg.Start, svg.Plain, s.String())
		at += height
	}
	return &c
}

// ink is always the same of a side.
func ink(side string) svg.Ink {
	switch side {
	case "annals":
		return svg.Data(0)
	case "bbolt":
		return svg.Data(1)
	}
	h := uint32(2166136261)
	for i := range len(side) {
		h = (h ^ uint32(side[i])) * 16777619
	}
	return svg.Data(2 + int(h%(svg.Inks-2)))
}

func (c *curve) panel() *svg.Canvas {
	var xs, ys []float64
	for _, s := range c.series {
		for _, p := range s.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	x, y := newAxis(xs), newAxis(ys)
	place := func(px, py float64) svg.Point {
		return svg.Point{X: marginLeft + px*plotWidth, Y: marginTop + (1-py)*plotHeight}
	}
	var of svg.Canvas
	of.Text(svg.Point{X: 8, Y: 20}, svg.Start, svg.Plain, c.title)
	for _, v := range x.ticks() {
		foot := place(x.place(v), 0)
		of.Line(svg.Faint, 1, place(x.place(v), 1), foot)
		of.Text(svg.Point{X: foot.X, Y: foot.Y + 16}, svg.Middle, svg.Plain, Format(v, c.xUnit))
	}
	for _, v := range y.ticks() {
		left := place(0, y.place(v))
		of.Line(svg.Faint, 1, left, place(1, y.place(v)))
		of.Text(svg.Point{X: left.X - 6, Y: left.Y + 4}, svg.End, svg.Plain, Format(v, c.unit))
	}
	for _, s := range c.series {
		var line []svg.Point
		for _, p := range s.points {
			at := place(x.place(p.x), y.place(p.y))
			line = append(line, at)
			of.Dot(ink(s.name), at, 2.5, "")
		}
		of.Line(ink(s.name), 1.5, line...)
		last := line[len(line)-1]
		of.Text(svg.Point{X: last.X + 6, Y: last.Y + 4}, svg.Start, svg.Plain, s.name)
	}
	return &of
}

// axis is a logarithmic one, from a power of ten to another.
type axis struct{ from, to int }

func newAxis(values []float64) axis {
	a := axis{math.MaxInt32, math.MinInt32}
	for _, v := range values {
		if v > 0 {
			a.from = min(a.from, int(math.Floor(math.Log10(v))))
			a.to = max(a.to, int(math.Ceil(math.Log10(v))))
		}
	}
	if a.from > a.to { // no value is positive
		a = axis{0, 1}
	}
	if a.from == a.to {
		a.to++
	}
	return a
}

// place is where v stands, from 0 to 1.
func (a axis) place(v float64) float64 {
	return (math.Log10(max(v, math.Pow10(a.from))) - float64(a.from)) / float64(a.to-a.from)
}

func (a axis) ticks() (values []float64) {
	for e := a.from; e <= a.to; e++ {
		values = append(values, math.Pow10(e))
	}
	return values
}
