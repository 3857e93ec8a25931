package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/cmd/annals/demo"
	"github.com/annalsdb/annals/store"
)

// What the demo asks. The dates of the releases are those of curl's web page.
const (
	demoFile     = "lib/krb4.c"
	then         = "2010-06-01"
	oldRelease   = "8.0.0"
	oldDate      = "2023-03-20"
	newRelease   = "8.1.0"
	newDate      = "2023-05-17"
	topLines     = 5 // lines of a list
	headOfFile   = 2 // of a file's history
	tailOfFile   = 5
	plotHeight   = 8
	barWidth     = 12
	recentEvents = 200 // enough to hold the newest commits
)

// answers asks everything and prints it, each answer with its time.
func (p *page) answers(db *store.DB) error {
	var blocks [5]*block
	for i, ask := range []func(*store.DB) (*block, error){p.now, p.past, p.file, p.releases, p.months} {
		start := time.Now()
		b, err := ask(db)
		if err != nil {
			return err
		}
		b.took = time.Since(start)
		blocks[i] = b
	}
	p.pair(blocks[0], blocks[1])
	p.pair(blocks[2], blocks[3])
	p.block(blocks[4])
	return nil
}

// tree is the files at a moment.
type tree struct {
	files int
	bytes int64
	top   []store.State // the largest files
}

func (t *tree) String() string { return count(t.files, "file") + ", " + byteSize(t.bytes) }

func sizeOf(fs store.Fields) int64 {
	v, _ := fs.Get("size")
	return v.Int64()
}

// treeOf counts the files of a view.
func treeOf(v *store.View) (*tree, error) {
	t := &tree{}
	for s, err := range v.Scan(demo.Stream.Name, store.Range{}) {
		if err != nil {
			return nil, err
		}
		t.files++
		t.bytes += sizeOf(s.Fields)
		if len(t.top) < topLines || sizeOf(s.Fields) > sizeOf(t.top[len(t.top)-1].Fields) {
			t.top = append(t.top, s)
			slices.SortStableFunc(t.top, func(a, b store.State) int { return cmp.Compare(sizeOf(b.Fields), sizeOf(a.Fields)) })
			t.top = t.top[:min(len(t.top), topLines)]
		}
	}
	return t, nil
}

// now shows the state now and the newest commits.
func (p *page) now(db *store.DB) (*block, error) {
	v := db.Latest()
	t, err := treeOf(v)
	if err != nil {
		return nil, err
	}
	commits, err := newestCommits(v)
	if err != nil {
		return nil, err
	}
	b := &block{head: "Now: " + t.String(), width: p.half()}
	for _, c := range commits {
		line := fmt.Sprintf("%s  %s  ", p.paint(dim, "commit "+c.number), padLeft(count(c.files, "file"), 8))
		b.lines = append(b.lines, line+fitPath(c.file, b.width-width(line)))
	}
	return b, nil
}

// commit is one of the newest: its files are stored next to each other.
type commit struct {
	number string
	files  int
	file   string // the first
}

func newestCommits(v *store.View) ([]commit, error) {
	var commits []commit
	from := max(v.Seq(), recentEvents) - recentEvents + 1
	for e, err := range v.Events(store.EventQuery{Stream: demo.Stream.Name, From: from}) {
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(e.ID, ":")
		if len(commits) == 0 || commits[len(commits)-1].number != number {
			commits = append(commits, commit{number: number, file: e.Key})
		}
		commits[len(commits)-1].files++
	}
	slices.Reverse(commits)
	return commits[:min(len(commits), topLines)], nil
}

// past shows the tree as it was known at a moment in 2010.
func (p *page) past(db *store.DB) (*block, error) {
	v, err := viewKnownBy(db, then)
	if err != nil {
		return nil, err
	}
	t, err := treeOf(v)
	if err != nil {
		return nil, err
	}
	b := &block{head: "On " + then + ": " + t.String(), width: p.half()}
	for _, s := range t.top {
		size := sizeOf(s.Fields)
		line := padLeft(byteSize(size), 8) + " " + p.bar(size, sizeOf(t.top[0].Fields)) + " "
		b.lines = append(b.lines, line+fitPath(s.Key, b.width-width(line)))
	}
	return b, nil
}

func viewKnownBy(db *store.DB, date string) (*store.View, error) {
	t, err := parseTime(date)
	if err != nil {
		return nil, err
	}
	return db.View(store.KnownBy(t))
}

// bar is a bar for n of most, barWidth columns at the longest.
func (p *page) bar(n, most int64) string {
	return pad(p.paint(cyan, bar(float64(n)/float64(max(most, 1)), barWidth)), barWidth)
}

// file shows the history of one file, its middle left out.
func (p *page) file(db *store.DB) (*block, error) {
	var all []store.Transition
	for t, err := range db.Latest().History(demo.Stream.Name, demoFile) {
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	b := &block{head: "History of " + demoFile + ": " + count(len(all), "change"), width: p.half()}
	for i, t := range all {
		if left := len(all) - headOfFile - tailOfFile; left > 1 && i >= headOfFile && i < headOfFile+left {
			if i == headOfFile {
				b.lines = append(b.lines, p.paint(dim, "   ⋮  "+thousands(left)+" more"))
			}
			continue
		}
		b.lines = append(b.lines, p.fileLine(&t, b.width))
	}
	return b, nil
}

// fileLine is a date, what happened, the size in bytes after it, and the lines
// changed or where the file went or came from.
func (p *page) fileLine(t *store.Transition, columns int) string {
	e := &t.Event
	st := yellow
	switch e.Type {
	case "added", "renamed":
		st = green
	case "deleted":
		st = red
	}
	size := "-"
	if t.New != nil {
		size = thousands(sizeOf(t.New.Fields))
	}
	line := p.paint(dim, e.Recorded.Format("2006-01-02")) + "  " + p.paint(st, pad(e.Type, 8)) + padLeft(size, 8) + "  "
	return line + fitPath(extent(e.Fields), columns-width(line))
}

// extent is how much an event changed: a move, or lines.
func extent(fs store.Fields) string {
	if to, ok := fs.Get("to"); ok {
		return "→ " + to.Str()
	}
	if from, ok := fs.Get("from"); ok {
		return "← " + from.Str()
	}
	added, _ := fs.Get("insertions")
	removed, _ := fs.Get("deletions")
	return fmt.Sprintf("+%s −%s", thousands(added.Int64()), thousands(removed.Int64()))
}

// releases shows what changed between two releases, by directory.
func (p *page) releases(db *store.DB) (*block, error) {
	from, err := viewKnownBy(db, oldDate)
	if err != nil {
		return nil, err
	}
	to, err := viewKnownBy(db, newDate)
	if err != nil {
		return nil, err
	}
	changes, directories, events := make(map[string]int), make(map[string]int), 0
	for d, err := range from.Diff(to, demo.Stream.Name) {
		if err != nil {
			return nil, err
		}
		changes[difference{"", d}.changeName()]++
		directories[directory(d.Key)]++
		events += len(d.Events)
	}
	files := changes["added"] + changes["removed"] + changes["changed"]
	b := &block{
		head:  fmt.Sprintf("%s → %s: %s differ", oldRelease, newRelease, count(files, "file")),
		width: p.half(),
	}
	b.lines = append(b.lines, fmt.Sprintf("%s added, %s removed, %s changed, %s",
		p.paint(green, thousands(changes["added"])), p.paint(red, thousands(changes["removed"])),
		p.paint(yellow, thousands(changes["changed"])), count(events, "event")))
	top := topCounts(directories)
	for _, d := range top {
		line := padLeft(thousands(d.n), 8) + " " + p.bar(int64(d.n), int64(top[0].n)) + " "
		b.lines = append(b.lines, line+fitPath(d.name, b.width-width(line)))
	}
	return b, nil
}

// directory is the first two levels of the path's directory.
func directory(file string) string {
	dir := path.Dir(file)
	if parts := strings.Split(dir, "/"); len(parts) > 2 {
		dir = path.Join(parts[:2]...)
	}
	if dir == "." {
		return "(top)"
	}
	return dir + "/"
}

type named struct {
	name string
	n    int
}

// topCounts is the largest counts, of equal ones the first by name.
func topCounts(counts map[string]int) []named {
	var all []named
	for name, n := range counts {
		all = append(all, named{name, n})
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	return all[:min(len(all), topLines+1)]
}

// months plots the changes a month over all the years.
func (p *page) months(db *store.DB) (*block, error) {
	var m monthly
	for e, err := range db.Latest().Events(store.EventQuery{Stream: demo.Stream.Name}) {
		if err != nil {
			return nil, err
		}
		m.add(e.Time)
	}
	n, month := m.peak()
	return &block{
		head:  fmt.Sprintf("Changes a month, by the time they were made; most in %s: %s", month, thousands(n)),
		width: p.width,
		lines: m.plot(p.screen, p.width, plotHeight),
	}, nil
}
