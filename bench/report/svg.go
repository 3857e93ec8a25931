package report

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/annalsdb/annals/bench/load"
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

// colours are told apart by those who do not see all colours (Okabe and Ito, 2008).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"}

// SVG is all that can be drawn: bars for each workload and size, then curves, two
// panels in a row.
func (r *Results) SVG() string {
	var panels []string
	for _, g := range r.groups() {
		if p := barPanel(&g); p != "" {
			panels = append(panels, p)
		}
	}
	return document(append(panels, r.linePanels()...))
}

// GrowthSVG is the curves alone.
func (r *Results) GrowthSVG() string { return document(r.linePanels()) }

func (r *Results) linePanels() (panels []string) {
	for _, c := range r.curves() {
		panels = append(panels, c.panel())
	}
	return panels
}

func document(panels []string) string {
	var b strings.Builder
	rows := (len(panels) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		2*panelWidth, rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i, p := range panels {
		fmt.Fprintf(&b, "<g transform=\"translate(%d %d)\">\n%s</g>\n", i%2*panelWidth, i/2*panelHeight, p)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func text(x, y float64, anchor, s string) string {
	return fmt.Sprintf(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

// barPanel is the main figures of a group.
func barPanel(g *group) string {
	var b strings.Builder
	most, n := 0.0, 0
	for _, e := range g.entries {
		if s, ok := e.main(); ok && e.Side != LimitSide {
			most, n = max(most, s.max), n+1
		}
	}
	if n == 0 {
		return ""
	}
	b.WriteString(text(8, 20, "start", fmt.Sprintf("%s, %s events", g.workload.Name, load.Count(g.events))))
	height, at := min(float64(plotHeight)/float64(n), 28), float64(marginTop)
	for _, e := range g.entries {
		s, ok := e.main()
		if !ok || e.Side == LimitSide {
			continue
		}
		width := s.median / most * plotWidth
		b.WriteString(text(marginLeft-6, at+height/2+4, "end", e.Side))
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", marginLeft, at+2, width, height-4, colour(e.Side))
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="black"/>`+"\n",
			marginLeft+s.min/most*plotWidth, marginLeft+s.max/most*plotWidth, at+height/2, at+height/2)
		b.WriteString(text(marginLeft+s.max/most*plotWidth+5, at+height/2+4, "start", s.String()))
		at += height
	}
	return b.String()
}

// colour is always the same of a side.
func colour(side string) string {
	switch side {
	case "annals":
		return colours[0]
	case "bbolt":
		return colours[1]
	}
	h := uint32(2166136261)
	for i := range len(side) {
		h = (h ^ uint32(side[i])) * 16777619
	}
	return colours[2+h%uint32(len(colours)-2)]
}

func (c *curve) panel() string {
	var xs, ys []float64
	for _, s := range c.series {
		for _, p := range s.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	x, y := newAxis(xs), newAxis(ys)
	var b strings.Builder
	b.WriteString(text(8, 20, "start", c.title))
	for _, v := range x.ticks() {
		px := marginLeft + x.place(v)*plotWidth
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#ddd"/>`+"\n", px, px, marginTop, marginTop+plotHeight)
		b.WriteString(text(px, marginTop+plotHeight+16, "middle", Format(v, c.xUnit)))
	}
	for _, v := range y.ticks() {
		py := marginTop + (1-y.place(v))*plotHeight
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", marginLeft, marginLeft+plotWidth, py, py)
		b.WriteString(text(marginLeft-6, py+4, "end", Format(v, c.unit)))
	}
	for _, s := range c.series {
		var line []string
		var last point
		for _, p := range s.points {
			last = point{marginLeft + x.place(p.x)*plotWidth, marginTop + (1-y.place(p.y))*plotHeight}
			line = append(line, fmt.Sprintf("%.1f,%.1f", last.x, last.y))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", last.x, last.y, colour(s.name))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.Join(line, " "), colour(s.name))
		b.WriteString(text(last.x+6, last.y+4, "start", s.name))
	}
	return b.String()
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
