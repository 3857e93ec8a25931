package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A profile of two binaries over one module with one package.
const profile = `mode: set
example.org/m/p/p.go:3.14,4.10 2 1
example.org/m/p/p.go:4.10,6.3 3 0
example.org/m/p/p.go:9.13,10.8 5 0
example.org/m/p/p.go:3.14,4.10 2 0
example.org/m/p/p.go:4.10,6.3 3 0
example.org/m/p/p.go:9.13,10.8 5 7
`

const source = `package p

func a() {
	if x {

	}
}

func b() {
}
`

func TestCover_CountsWhatAnyBinaryRan(t *testing.T) {
	blocks, err := parse(profile)
	if err != nil {
		t.Fatal(err)
	}
	table := packages(blocks, "example.org/m").table("package")
	for _, row := range []string{"| p | 10 | 7 | 70.0 % |\n", "| all | 10 | 7 | 70.0 % |\n"} {
		if !strings.Contains(table, row) {
			t.Errorf("no %q in\n%s", row, table)
		}
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "p"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "p", "p.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	functions, err := byFunction(blocks, "example.org/m", root)
	if err != nil {
		t.Fatal(err)
	}
	if got := functions.most(9); len(got) != 1 || got[0] != (count{"p/p.go:3 a", 5, 2}) {
		t.Errorf("functions that did not run: %v", got)
	}
}

func TestCover_NamesTheLine(t *testing.T) {
	_, err := parse(profile + "example.org/m/p/p.go:3.14 2 1\n")
	if err == nil || !strings.Contains(err.Error(), "line 8 ") {
		t.Errorf("a line without its end: %v", err)
	}
}

func TestWrite_LeavesTheRest(t *testing.T) {
	name := filepath.Join(t.TempDir(), "README.md")
	if err := write(name, "new\n"); err == nil {
		t.Error("no file, no error")
	}
	for _, c := range []struct{ before, after string }{
		{"a\n" + begin + "old\n" + end + "z\n", "a\n" + begin + "new\n" + end + "z\n"},
		{"a\n" + begin + "old\n", ""},
	} {
		if err := os.WriteFile(name, []byte(c.before), 0o644); err != nil {
			t.Fatal(err)
		}
		err := write(name, "new\n")
		if (err == nil) != (c.after != "") {
			t.Fatalf("%q: %v", c.before, err)
		}
		got, readErr := os.ReadFile(name)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if want := c.after; err == nil && string(got) != want || err != nil && string(got) != c.before {
			t.Errorf("%q became %q", c.before, got)
		}
	}
}
