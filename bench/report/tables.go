package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/bench/workload"
)

// group is the outcomes of all sides of one workload at one size.
type group struct {
	workload *workload.Workload
	load     string
	events   int
	entries  []entry
}

// entry is an outcome with the batch that it is of.
type entry struct {
	*Outcome
	batch int
	loose bool // its batches are not durable, where those of the workload should be
}

// peer reports whether ours is to be compared with the entry.
func (e *entry) peer() bool { return e.Side != side.Annals.Name && e.Side != LimitSide && !e.loose }

// groups are in the order of workloads and sizes, their entries with ours first and
// the limit last.
func (r *Results) groups() (all []group) {
	for i := range workload.All {
		w := &workload.All[i]
		var of []group
		for b := range r.Batches {
			for j := range r.Batches[b].Outcomes {
				if o := &r.Batches[b].Outcomes[j]; o.Workload == w.Name {
					of = put(of, w, entry{o, b, w.Syncs && !r.Batches[b].durable(o.Side)})
				}
			}
		}
		slices.SortStableFunc(of, func(x, y group) int {
			return cmp.Or(cmp.Compare(x.load, y.load), x.events-y.events)
		})
		all = append(all, of...)
	}
	for _, g := range all {
		slices.SortStableFunc(g.entries, func(x, y entry) int {
			return cmp.Or(rank(x.Side)-rank(y.Side), strings.Compare(x.Side, y.Side))
		})
	}
	return all
}

func put(groups []group, w *workload.Workload, e entry) []group {
	for i := range groups {
		if groups[i].load == e.Load && groups[i].events == e.Events {
			groups[i].entries = append(groups[i].entries, e)
			return groups
		}
	}
	return append(groups, group{w, e.Load, e.Events, []entry{e}})
}

func rank(side string) int {
	switch side {
	case "annals":
		return 0
	case LimitSide:
		return 2
	}
	return 1
}

// find is the entry of a side that has figures.
func (g *group) find(side string) (e entry, s spread, ok bool) {
	for _, e := range g.entries {
		if s, ok := e.main(); ok && e.Side == side {
			return e, s, true
		}
	}
	return e, s, false
}

// best is the peer with the best main figure.
func (g *group) best() (e entry, s spread, ok bool) {
	for _, x := range g.entries {
		m, has := x.main()
		if !has || !x.peer() {
			continue
		}
		if !ok || m.isRate() && m.median > s.median || !m.isRate() && m.median < s.median {
			e, s, ok = x, m, true
		}
	}
	return e, s, ok
}

// Details is a table for each workload and size, with all figures.
func (r *Results) Details() string {
	var b strings.Builder
	last := ""
	for _, g := range r.groups() {
		if g.workload.Name != last {
			last = g.workload.Name
			fmt.Fprintf(&b, "### %s\n\n%s.%s\n\n", last, upperFirst(g.workload.What), limitText(g.workload))
		}
		fmt.Fprintf(&b, "%s, %s events:\n\n%s\n%s%s", g.load, load.Count(g.events), g.table(), g.pointTable(), g.queryTable())
	}
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// limitText says what the limit is that stands beside a workload.
func limitText(w *workload.Workload) string {
	l, err := machine.LimitOf(w.Limit.Name)
	if err != nil {
		return ""
	}
	unit, per := strings.TrimSuffix(l.Unit, "/s"), strconv.FormatFloat(w.Limit.Per, 'f', -1, 64)
	if unit != "B" {
		unit = strings.TrimSuffix(unit, "s")
	}
	return fmt.Sprintf(" Limit: %s, %s %s each.", l.What, per, unit)
}

func (g *group) table() string {
	t := newTable("side", ">median", "least – most", ">annals is", ">of the limit", "and")
	ours, ourMain, known := g.find(side.Annals.Name)
	limit, limitMain, limited := g.find(LimitSide)
	for _, e := range g.entries {
		s, ok := e.main()
		switch {
		case e.Failed != "":
			t.add(e.Side, "failed", "", "", "", e.Failed)
			continue
		case !ok:
			t.add(e.Side, "", "", "", "", e.Cannot)
			continue
		}
		row := []string{e.Side, s.String(), s.span(), "", "", rest(e.Outcome)}
		switch {
		case known && e.peer():
			_, row[3] = advantage(ourMain, s, e.batch == ours.batch)
		case e.loose:
			row[3] = "not durable"
		}
		if limited && e.Side != LimitSide {
			row[4] = ofLimit(s, limitMain, g.workload.Limit, e.batch == limit.batch)
		}
		t.add(row...)
	}
	return t.String()
}

// rest is the figures behind the main one, and the notes of all runs.
func rest(o *Outcome) string {
	var parts []string
	for _, s := range o.spreads()[1:] {
		if s.max != 0 {
			parts = append(parts, s.name+" "+s.String())
		}
	}
	var notes []string
	for _, run := range o.Runs {
		for _, n := range run.Notes {
			if !slices.Contains(notes, n) {
				notes = append(notes, n)
			}
		}
	}
	return strings.Join(append(parts, notes...), ", ")
}

// pointTable has a row for each number of writers of a curve; "" if there is none.
func (g *group) pointTable() string {
	t := newTable("side", ">writers", ">median rate", ">p50", ">p99")
	for _, e := range g.entries {
		for _, p := range medianPoints(e.Outcome) {
			t.add(e.Side, strconv.Itoa(p.Writers), Format(p.Rate, "events/s"), Format(p.P50, "ns"), Format(p.P99, "ns"))
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	return t.String() + "\n"
}

// Summary is a row for each workload and load, at the largest size that a peer was
// measured at as well, if any: ours, the best peer, the limit.
func (r *Results) Summary() string {
	t := newTable("workload", ">events", ">annals", ">best peer", "which", ">annals is", ">of the limit")
	for _, g := range largest(r.groups()) {
		row := []string{g.workload.What, load.Count(g.events), "", "", "", "", ""}
		ours, s, ok := g.find(side.Annals.Name)
		if ok {
			row[2] = s.String()
			if limit, l, ok := g.find(LimitSide); ok {
				row[6] = ofLimit(s, l, g.workload.Limit, ours.batch == limit.batch)
			}
		} else {
			row[2] = g.why(side.Annals.Name)
		}
		if best, p, has := g.best(); has {
			row[3], row[4] = p.String(), best.Side
			if ok {
				_, row[5] = advantage(s, p, ours.batch == best.batch)
			}
		}
		t.add(row...)
	}
	return t.String()
}

// largest is the last size of each workload and load that has a peer, or the last.
func largest(groups []group) (chosen []group) {
	for _, g := range groups {
		last := len(chosen) - 1
		if last < 0 || chosen[last].workload != g.workload || chosen[last].load != g.load {
			chosen = append(chosen, g)
			continue
		}
		_, _, before := chosen[last].best()
		if _, _, has := g.best(); has || !before {
			chosen[last] = g
		}
	}
	return chosen
}

// why is what is to be said of a side without figures.
func (g *group) why(side string) string {
	for _, e := range g.entries {
		if e.Side == side {
			return cmp.Or(e.Cannot, "failed")
		}
	}
	return ""
}

// Losses is a row for each peer that is ahead of ours.
func (r *Results) Losses() string {
	t := newTable("workload", ">events", "peer", ">its figure", ">annals", ">annals is")
	for _, g := range r.groups() {
		ours, s, ok := g.find(side.Annals.Name)
		for _, e := range g.entries {
			p, has := e.main()
			if !ok || !has || !e.peer() {
				continue
			}
			if times, text := advantage(s, p, ours.batch == e.batch); times < 1 {
				t.add(g.workload.Name, load.Count(g.events), e.Side, p.String(), s.String(), text)
			}
		}
	}
	if len(t.rows) == 0 {
		return "No peer is ahead in any workload.\n"
	}
	return t.String()
}

// Origins says on which machines and when all of it was measured.
func (r *Results) Origins() string {
	var lines []string
	for _, b := range r.Batches {
		line := fmt.Sprintf("- %s, revision %s: %s", b.Machine.Date, b.Machine.Revision, b.Machine)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// Sides is what the sides are and how they were set.
func (r *Results) Sides() string {
	newest := map[string]child.Side{}
	var names []string
	for _, b := range r.Batches {
		for _, s := range b.Sides {
			if _, known := newest[s.Name]; !known {
				names = append(names, s.Name)
			}
			newest[s.Name] = s
		}
	}
	t := newTable("side", "version", "licence", "a batch is durable by", "settings")
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Or(rank(x)-rank(y), strings.Compare(x, y)) })
	for _, name := range names {
		s := newest[name]
		t.add(s.Name, s.Version, s.Licence, s.Durability, s.Settings)
	}
	return t.String()
}

// Smoke is a row for each workload with what became of each side.
func (r *Results) Smoke() string {
	t := newTable("workload", "side", "outcome")
	for _, g := range r.groups() {
		for _, e := range g.entries {
			what := "right"
			if len(e.Runs) == 0 {
				what = cmp.Or(e.Failed, e.Cannot)
			}
			t.add(g.workload.Name, e.Side, what)
		}
	}
	return t.String()
}
