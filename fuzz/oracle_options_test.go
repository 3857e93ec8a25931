package fuzz

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/annalsdb/annals/store"
)

// setting is under what a history is run, and must not change what it is.
type setting struct {
	options store.Options
	procs   int // processors
}

var oracleSettings = []setting{
	{store.Options{}, 8},
	{store.Options{Sync: store.SyncNever, SegmentSize: 1, MemoryBytes: 1, Fanout: 2, FoldStep: 1}, 1},
	{store.Options{SegmentSize: 400, MemoryBytes: 30000, Fanout: 3, FoldStep: 3}, 3},
	{store.Options{Sync: store.SyncInterval, SegmentSize: 1, Fanout: 2, FoldStep: 64}, 8},
}

// TestOracle_Options: the same steps give the same history, to the letter of every
// error, whatever the options and the processors.
func TestOracle_Options(t *testing.T) {
	dir := memoryDir(t)
	for seed := range uint64(8) {
		tryScript(t, drawScript(1_000_000+seed), underAll(dir))
	}
}

// TestOracle_Kept replays the scripts of testdata/oracle as they are, and under all
// settings. Each is one that failed, or would have.
func TestOracle_Kept(t *testing.T) {
	dir := memoryDir(t)
	files, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseScript(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for range 4 { // questions are drawn, and what is drawn changes when the test does
				if err := againstModel(dir)(s); err != nil {
					t.Fatalf("%s: %v\nin the history\n%s", file, err, s)
				}
				s.questions++
			}
			if err := underAll(dir)(s); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		})
	}
}

// underAll runs a script under all settings, and compares the histories.
func underAll(dir string) func(script) error {
	return func(s script) error {
		var first string
		for i, set := range oracleSettings {
			s.options = set.options
			before := runtime.GOMAXPROCS(set.procs)
			history, err := runScript(dir, s)
			runtime.GOMAXPROCS(before)
			if err != nil {
				return fmt.Errorf("%s, %d processors: %w", showOptions(set.options), set.procs, err)
			}
			if i == 0 {
				first = history
			}
			if history != first {
				return fmt.Errorf("%s, %d processors: another history than under the defaults:\n%s", showOptions(set.options), set.procs, firstDifference(first, history))
			}
		}
		return nil
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d\n  is  %s\n  was %s", i+1, bs[i], as[i])
		}
	}
	return fmt.Sprintf("%d lines, %d before", len(bs), len(as))
}

// tell adds a line to the history.
func (o *oracle) tell(format string, args ...any) {
	fmt.Fprintf(&o.told, format+"\n", args...)
}

// tellError adds an error to the history, and is it.
func (o *oracle) tellError(err error) error {
	if err != nil {
		o.tell("error %v", err)
	}
	return err
}

// tellAll adds what is there in the end.
func (o *oracle) tellAll() error {
	view := o.db.Latest()
	for _, s := range o.db.Streams() {
		o.tell("%v", s)
		kinds, err := view.FieldKinds(s.Name)
		o.tell("%v", kinds)
		for st, e := range view.Scan(s.Name, store.Range{}) {
			err = errors.Join(err, e)
			o.tell("%s", showFound(st))
		}
		if err != nil {
			return err
		}
	}
	for e, err := range view.Events(store.EventQuery{}) {
		if err != nil {
			return err
		}
		o.tell("%s", showEvent(e))
	}
	return nil
}

// TestScript_Text: a script that was printed is read as what it was.
func TestScript_Text(t *testing.T) {
	for seed := range uint64(300) {
		s := drawScript(seed)
		got, err := parseScript(s.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
		if got.String() != s.String() || !reflect.DeepEqual(got, s) {
			t.Fatalf("seed %d: printed is\n%s\nread is\n%s", seed, s, got)
		}
	}
	for _, bad := range []string{
		"jump", "view 1", "view 1 2 3", "view x 2", "change s a", "append\n  leap s a", "append at=x", "append\n  item",
		"append\n  change s a b", "append\n  change s a x:word=1", "append\n  expect s a maybe", "keys \"a", "options Size=3", "maintain a window=none by=key",
	} {
		if s, err := parseScript(bad); err == nil {
			t.Errorf("%q is read as\n%s", bad, s)
		}
	}
}
