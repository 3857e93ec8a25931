package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/annalsdb/annals/store"
)

// String is the plan, a line for each step in the order in which rows go through
// them, and, if it ran, what that took.
func (x *executor) String() string {
	var b strings.Builder
	line := x.explainSteps(&b)
	if x.explain == ExplainAnalyze {
		x.explainCost(line)
	}
	return b.String()
}

// explainSteps writes the steps.
func (x *executor) explainSteps(b *strings.Builder) lines {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	x.explainSource(line)
	if len(x.rest) > 0 {
		line("filter: %s%s", x.conditions(x.rest), x.took("filter"))
	}
	for i := range x.joins {
		x.explainJoin(line, i)
	}
	if len(x.behind) > 0 {
		line("filter: %s%s", x.conditions(x.behind), x.took("filter behind joins"))
	}
	x.explainGroups(line)
	x.explainAnswer(line)
	return line
}

type lines func(format string, args ...any)

// explainSource says what is read first, and what of it need not be.
func (x *executor) explainSource(line lines) {
	s := x.sources[0]
	if x.inner != nil {
		x.explainDerived(line, x.inner)
		return
	}
	x.explainFit(line)
	line("read %s of %s%s%s", [...]string{"events", "all events", "states", "histories", "changes", aggregateSource: "results"}[s.kind], quoteName(s.stream), s.when(), x.took("read"))
	if s.empty() {
		line("  nothing: the range of time is empty")
	}
	switch {
	case x.keys != nil:
		line("  keys: %d, by name", len(x.keys))
	case x.keyRange != store.Range{}:
		line("  keys:%s", rangeText(x.keyRange))
	}
	if s.kind == eventsSource || s.kind == allEventsSource {
		if x.pushed != nil {
			line("  skipped by postings and statistics of pages: what is not %s", strings.ReplaceAll(x.pushed.String(), "\xff", ""))
		}
		if s.lo != latest.Time && (s.lo != -1<<63 || s.hi != latest.Time) {
			line("  skipped by times of files and pages: what is not in the range")
		}
		var names []string
		for _, name := range x.scan().Columns {
			names = append(names, strings.TrimPrefix(name, "\xff"))
		}
		line("  columns, decoded as they are asked for: %s", orNone(names))
	}
}

// explainFit says which maintained aggregate has the answer, or why there is none.
func (x *executor) explainFit(line lines) {
	f := x.fit
	if f == nil {
		for _, why := range x.unfit {
			line("%s", why)
		}
		return
	}
	line("from aggregate %s", strings.ReplaceAll(f.def.String(), "\xff", ""))
	switch {
	case f.taken:
		line("  stored windows that were joined: %d; times that are left to events: %d", f.pieces, len(x.times))
	case f.why != "":
		line("  not asked after all: %s", f.why)
	default:
		line("  events are read of times that it does not keep whole")
	}
}

// rangeText is the bounds that a range of keys has.
func rangeText(r store.Range) (text string) {
	for _, bound := range [...]struct{ what, key string }{{"that begin with", r.Prefix}, {"from", r.From}, {"before", r.To}} {
		if bound.key != "" {
			text += fmt.Sprintf(" %s %q", bound.what, bound.key)
		}
	}
	return text
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// when is the moment of a source.
func (s *source) when() string {
	at := func(t int64) string {
		switch t {
		case latest.Time:
			return "the latest"
		case -1 << 63:
			return "the first"
		}
		return time.Unix(0, t).UTC().Format(time.RFC3339Nano)
	}
	text := ""
	switch {
	case s.lo == -1<<63 && s.hi == latest.Time:
	case s.kind == stateSource, s.lo == -1<<63:
		text = " as of " + at(s.hi)
	default:
		text = " from " + at(s.lo) + " to " + at(s.hi)
	}
	switch s.known {
	case knownAt:
		text += fmt.Sprintf(", known at %d", s.seq)
	case knownBy:
		text += ", known by " + at(s.by)
	}
	return text
}

func (x *executor) explainJoin(line lines, i int) {
	j, s := &x.joins[i], x.sources[i+1]
	var on []string
	how, asOf := "all states, read once into a table", j.kind >= AsOfJoin
	for k, right := range j.right {
		on = append(on, x.text(j.left[k])+" = "+x.text(right))
		if right.op == columnOp && x.columns[right.slot].own == "key" {
			if how = "states of the keys asked for, each read once"; asOf {
				how = "states of the keys asked for, looked up, or the history of those that are asked for often"
			}
		}
	}
	if asOf {
		how += ", as of the time of the row"
	}
	what := "states of " + quoteName(s.stream)
	if s.plan != nil {
		what, how = "rows of "+quoteName(s.name), "all rows, read once into a table"
	}
	if i == len(x.joins)-1 { // what all of them took
		how += x.took("join")
	}
	line("%s %s on %s: %s", [...]string{"join", "left join", "as-of join", "as-of left join"}[j.kind], what, strings.Join(on, " and "), how)
	if s.plan != nil {
		x.explainDerived(func(format string, args ...any) { line("  "+format, args...) }, x.joined[i])
	}
}

func (x *executor) explainGroups(line lines) {
	if !x.grouped {
		return
	}
	var by []string
	for _, g := range x.groups {
		by = append(by, x.text(g))
	}
	if x.windows != nil {
		by = append(by, x.window.String())
	}
	what := "one group"
	if len(by) > 0 {
		what = "groups by " + strings.Join(by, ", ")
	}
	var of []string
	for _, a := range x.aggregates {
		of = append(of, x.call(a).String())
	}
	if len(of) > 0 {
		what += ": " + strings.Join(of, ", ")
	}
	line("%s%s", what, x.took("group"))
	if took := x.took("merge groups"); took != "" {
		line("  those of all workers joined, and their results%s", took)
	}
	if x.having != nil {
		line("having: %s", x.groupText(x.having))
	}
}

// explainAnswer says what becomes of the rows.
func (x *executor) explainAnswer(line lines) {
	text := x.text
	if x.grouped {
		text = x.groupText
	}
	for i := range x.ranks {
		first := ""
		if most := x.wantedPlaces(); most >= 0 {
			first = fmt.Sprintf(", of each part no more than places up to %d", most)
		}
		line("rank: %s%s", x.rankExpr(i, func(n *node) Expr { return n.expr(x.named()) }), first)
	}
	if x.distinct {
		line("distinct rows")
	}
	var by []string
	for i := range x.order {
		k := &x.order[i]
		t := text(k.by)
		if k.descending {
			t += " descending"
		}
		by = append(by, t)
	}
	switch {
	case len(by) > 0 && x.limit >= 0:
		line("the first %d by %s, kept in a heap%s", x.limit+x.offset, strings.Join(by, ", "), x.took("finish"))
	case len(by) > 0:
		line("order by %s%s", strings.Join(by, ", "), x.took("finish"))
	case x.limit >= 0:
		line("stop after %d rows", x.limit+x.offset)
	}
	if x.offset > 0 {
		line("leave out the first %d", x.offset)
	}
	var shown []string
	for _, n := range x.outputs {
		shown = append(shown, text(n))
	}
	line("answer: %s%s", strings.Join(shown, ", "), x.took("project"))
}

// explainCost says what running the plan took.
func (x *executor) explainCost(line lines) {
	s, scan := &x.stats, &x.stats.Scan
	line("exact at position %d", s.Seq)
	line("rows: %d", s.Rows)
	if k := x.innermost().sources[0].kind; k == eventsSource || k == allEventsSource {
		line("files: %d sealed, %d of the log with %d rows", scan.Files, scan.Logs, scan.Live)
		line("rows of sealed files: %d; skipped by statistics %d, by postings %d; certain %d, tested %d",
			scan.Select.All.Rows, scan.Select.Zones.Rows, scan.Select.Postings.Rows, scan.Select.Sure.Rows, scan.Select.Maybe.Rows)
		line("blocks: %d; skipped by statistics %d, by postings %d", scan.Select.All.Blocks, scan.Select.Zones.Blocks, scan.Select.Postings.Blocks)
		line("pages decoded: %d, %d bytes as stored; told by statistics: %d", scan.Read.Pages, scan.Read.Bytes, s.Summed)
	} else {
		line("rows read: %d", s.Read)
	}
	line("memory: %d bytes at most; written to disk: %d bytes", s.PeakMemory, s.Spilled)
	line("time: %s, work %s by %d workers", s.Elapsed.Round(time.Microsecond), s.Work.Round(time.Microsecond), s.Workers)
}

// took is what a step was given and how long it worked, once it ran.
func (x *executor) took(name string) string {
	for _, s := range x.stats.Steps {
		if s.Name == name {
			return fmt.Sprintf(" (%d rows, work %s)", s.Rows, s.Work.Round(time.Microsecond))
		}
	}
	return ""
}

// conditions is conditions with AND between them.
func (x *executor) conditions(where []*node) string {
	var all []string
	for _, n := range where {
		all = append(all, x.text(n))
	}
	return strings.Join(all, " AND ")
}

// text is a node over rows that are read as it would be written.
func (x *executor) text(n *node) string { return x.exprOf(n).String() }

// groupText is a node over rows of groups as it would be written.
func (x *executor) groupText(n *node) string { return n.expr(x.groupExpr).String() }

// named is what stands in a slot of rows that the answer is made of.
func (x *executor) named() func(slot int) Expr {
	if x.grouped {
		return x.groupExpr
	}
	return x.columnExpr
}

// exprOf is a node over rows that are read as an expression.
func (x *executor) exprOf(n *node) Expr { return n.expr(x.columnExpr) }

// columnExpr is what stands in a slot of rows that are read.
func (x *executor) columnExpr(slot int) Expr {
	if slot < 0 {
		return x.rankExpr(-1-slot, x.exprOf)
	}
	c := x.columns[slot]
	var names []string
	if len(x.sources) > 1 {
		names = append(names, x.sources[c.source].name)
	}
	if c.side != noSide {
		names = append(names, sideNames[c.side])
	}
	if _, taken := ownColumns[c.field]; taken {
		names = append(names, fieldsName)
	}
	names = append(names, c.own+c.field)
	return Col(names[0], names[1:]...)
}

// groupExpr is what stands in a slot of rows of groups.
func (x *executor) groupExpr(slot int) Expr {
	switch at := slot - len(x.groups); {
	case slot < 0:
		return x.rankExpr(-1-slot, func(n *node) Expr { return n.expr(x.groupExpr) })
	case at < 0:
		return x.exprOf(x.groups[slot])
	case slot >= x.aggregateSlots():
		return x.call(x.aggregates[slot-x.aggregateSlots()])
	case at == 0:
		return Col(windowStart)
	}
	return Col(windowEnd)
}

// call is an aggregate as an expression.
func (x *executor) call(a *aggregation) Expr {
	e := Expr{op: callOp, name: a.kind.name}
	if a.distinct {
		e.op = callDistinctOp
	}
	for _, arg := range a.args {
		e.args = append(e.args, x.exprOf(arg))
	}
	if len(a.args) == 0 {
		e.args = []Expr{Star("")}
	}
	if a.filter != nil {
		e = e.Filter(x.exprOf(a.filter))
	}
	return e
}

// expr is n as an expression, its columns as named makes them; a rank's slot is one of
// -1 and less.
func (n *node) expr(named func(slot int) Expr) Expr {
	e := Expr{op: n.op, value: n.value, n: n.n, name: n.name}
	switch n.op {
	case columnOp:
		return named(n.slot)
	case overOp:
		return named(-1 - n.slot)
	case intervalOp:
		e.name = n.span.String()
	case castOp, tryCastOp:
		e.name = n.to.String()
	case callOp:
		e.name = n.fn.name
	}
	for _, a := range n.args {
		e.args = append(e.args, a.expr(named))
	}
	return e
}
