package fuzz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/cmd/annals/demo"
	"github.com/annalsdb/annals/store"
)

// gitAnswers is what git itself says of the history of curl.
type gitAnswers struct {
	Commits int `json:"commits"`
	Trees   map[uint64]struct {
		Files  int    `json:"files"`
		SHA256 string `json:"sha256"`
	} `json:"state_after_seq"`
	Years   map[int]yearTotals  `json:"by_author_year_utc"`
	History map[string][][3]any `json:"history"`
}

type yearTotals struct {
	Commits    int   `json:"commits"`
	Files      int   `json:"files"`
	Insertions int64 `json:"insertions"`
	Deletions  int64 `json:"deletions"`
}

// curl is a database of the whole history, and the position that each commit
// ends at.
type curl struct {
	db     *store.DB
	ends   map[uint64]uint64
	number map[uint64]uint64 // of the commit, by position
}

func importCurl(t *testing.T, dir string, o *store.Options) curl {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Define(ctx, demo.Stream); err != nil {
		t.Fatal(err)
	}
	c := curl{db, map[uint64]uint64{}, map[uint64]uint64{}}
	for commit, err := range demo.Commits(nil) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := db.Append(ctx, commit.Batch)
		if err != nil {
			t.Fatal(err)
		}
		c.ends[commit.Number] = r.Last
		for seq := r.First; seq <= r.Last; seq++ {
			c.number[seq] = commit.Number
		}
	}
	return c
}

// The engine's trees, histories and totals are those of git: in one go, and after
// a reopening; with log files and checkpoints of the usual size and of a tiny one.
func TestCurl_GitAgrees(t *testing.T) {
	raw, err := os.ReadFile("../cmd/annals/demo/curl-answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want gitAnswers
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Options{
		{Sync: store.SyncNever},
		{Sync: store.SyncNever, SegmentSize: 100 << 10, MemoryBytes: 2 << 20},
	} {
		dir := t.TempDir()
		c := importCurl(t, dir, &o)
		c.compare(t, &want)
		if err := c.db.Close(); err != nil {
			t.Fatal(err)
		}
		if c.db, err = store.Open(dir, &o); err != nil {
			t.Fatal(err)
		}
		c.compare(t, &want)
		if _, err := c.db.Verify(context.Background(), nil); err != nil {
			t.Error(err)
		}
		c.db.Close()
	}
}

func (c *curl) compare(t *testing.T, want *gitAnswers) {
	t.Helper()
	if len(want.Trees) != 5 || len(want.History) != 2 || len(want.Years) < 20 {
		t.Fatalf("answers hold %d trees, %d histories, %d years", len(want.Trees), len(want.History), len(want.Years))
	}
	for number, tree := range want.Trees {
		if files, sum := c.tree(t, number); files != tree.Files || sum != tree.SHA256 {
			t.Errorf("tree of commit %d: %d files, %s; git says %d, %s", number, files, sum, tree.Files, tree.SHA256)
		}
	}
	for path, list := range want.History {
		if got, all := c.history(t, path), fmt.Sprint(list); got != all {
			t.Errorf("history of %s:\n%s\ngit says\n%s", path, got, all)
		}
	}
	c.compareYears(t, want)
}

// tree is the number of files after a commit and the hash of their names and
// contents.
func (c *curl) tree(t *testing.T, number uint64) (files int, sum string) {
	t.Helper()
	view, err := c.db.View(store.KnownAt(c.ends[number]))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	for st, err := range view.Scan("curl", store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		blob, _ := st.Fields.Get("blob")
		fmt.Fprintf(hash, "%s\t%s\n", st.Key, blob.Str())
		files++
	}
	return files, hex.EncodeToString(hash.Sum(nil))
}

// history is a path's history in the form of the answers.
func (c *curl) history(t *testing.T, path string) string {
	t.Helper()
	var list [][3]any
	for tr, err := range c.db.Latest().History("curl", path) {
		if err != nil {
			t.Fatal(err)
		}
		what, blob := "M", any(nil)
		switch {
		case tr.New == nil:
			what = "D"
		case tr.Old == nil:
			what = "A"
		}
		if v, _ := tr.Event.Fields.Get("blob"); !v.IsNull() {
			blob = v.Str()
		}
		list = append(list, [3]any{float64(c.number[tr.Event.Seq]), what, blob})
	}
	return fmt.Sprint(list)
}

// compareYears adds up the events by the year of the author. Two commits change
// no file, so the events do not have them.
func (c *curl) compareYears(t *testing.T, want *gitAnswers) {
	t.Helper()
	got := map[int]yearTotals{}
	commit := uint64(0)
	for e, err := range c.db.Latest().Events(store.EventQuery{Stream: "curl"}) {
		if err != nil {
			t.Fatal(err)
		}
		y := got[e.Time.Year()]
		if c.number[e.Seq] != commit {
			commit = c.number[e.Seq]
			y.Commits++
		}
		if to, _ := e.Fields.Get("to"); to.IsNull() {
			y.Files++
		}
		added, _ := e.Fields.Get("insertions")
		removed, _ := e.Fields.Get("deletions")
		y.Insertions += added.Int64()
		y.Deletions += removed.Int64()
		got[e.Time.Year()] = y
	}
	without := 0
	var wrong strings.Builder
	for year, w := range want.Years {
		g := got[year]
		without += w.Commits - g.Commits
		g.Commits = w.Commits
		if g != w {
			fmt.Fprintf(&wrong, "%d: %+v, git says %+v\n", year, g, w)
		}
	}
	if wrong.Len() > 0 || without != 2 {
		t.Errorf("totals by year, %d commits without files:\n%s", without, wrong.String())
	}
}

// A file read as of an author's time is what the newest commit, by arrival, says
// of those dated up to then.
func TestCurl_AsOfAuthorTime(t *testing.T) {
	c := importCurl(t, t.TempDir(), &store.Options{Sync: store.SyncNever})
	defer c.db.Close()
	for _, at := range []time.Time{time.Date(2010, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 2, 9, 12, 0, 0, 0, time.UTC)} {
		want := map[string]store.Event{}
		for e, err := range c.db.Latest().Events(store.EventQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !e.Time.After(at) {
				want[e.Key] = e
			}
		}
		view, err := c.db.View(store.AsOf(at))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for key, e := range want {
			st, ok, err := view.Get("curl", key)
			if err != nil || ok != (e.Kind == store.Change) || ok && st.Seq != e.Seq {
				t.Fatalf("%s as of %s: event %d, %v, %v; want event %d, a %s", key, at, st.Seq, ok, err, e.Seq, e.Kind)
			}
			if ok {
				found++
			}
		}
		if found == 0 {
			t.Errorf("no file as of %s", at)
		}
	}
}
