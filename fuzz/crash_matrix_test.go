package fuzz

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
)

var crashUpdate = flag.Bool("crashupdate", false, "TestCrash writes the crash matrix of README.md; with -crashevery 1")

// crashMatrix counts crashes by the change before and by what was lost. Crashes come
// one after the other.
type crashMatrix struct {
	cells  map[string]map[Loss]int
	script map[string]bool // the points of the script: others may follow on a crash, or not
}

// add counts one crash.
func (m *crashMatrix) add(c Change, loss Loss, script bool) {
	point := crashPoint(c)
	m.script[point] = m.script[point] || script
	if m.cells[point] == nil {
		m.cells[point] = map[Loss]int{}
	}
	m.cells[point][loss]++
}

// crashPoint is the row of the matrix that a change belongs to.
func crashPoint(c Change) string {
	name, beside := strings.CutSuffix(c.Name, ".tmp")
	file := name
	if _, ok := segment.ParseLogName(name); ok {
		file = "log file"
	} else if _, _, ok := segment.ParseSealedName(name); ok {
		file = "sealed file"
	}
	if beside {
		file += ", unfinished"
	}
	if c.Op == OpSyncDir {
		return "directory: " + string(c.Op)
	}
	return file + ": " + string(c.Op)
}

// Where in README.md the matrix stands.
const (
	crashMatrixBegin = "<!-- crash matrix: go test ./fuzz -run 'TestCrash$' -crashevery 1 -crashupdate -->\n"
	crashMatrixEnd   = "<!-- end of the crash matrix -->\n"
)

// String is the matrix as a table.
func (m *crashMatrix) String() string {
	var b strings.Builder
	b.WriteString("| crash after |")
	for _, loss := range Losses {
		fmt.Fprintf(&b, " %s |", loss)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(Losses)) + "\n")
	for _, point := range slices.Sorted(maps.Keys(m.cells)) {
		fmt.Fprintf(&b, "| %s |", point)
		for _, loss := range Losses {
			fmt.Fprintf(&b, " %d |", m.cells[point][loss])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// report writes the matrix, or looks whether README.md knows of every point.
func (m *crashMatrix) report(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), crashMatrixBegin)
	table, after, ok2 := strings.Cut(rest, crashMatrixEnd)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the crash matrix")
	}
	if *crashUpdate {
		text := before + crashMatrixBegin + m.String() + crashMatrixEnd + after
		if err := os.WriteFile("README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for point, script := range m.script {
		if script && !strings.Contains(table, "| "+point+" |") {
			t.Errorf("the crash matrix of README.md does not have %q", point)
		}
	}
}
