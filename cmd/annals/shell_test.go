package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// someCatalog is two streams, and that of the definitions of aggregates.
type someCatalog struct{}

func (someCatalog) Streams() ([]string, error) {
	return []string{"annals.aggregates", "order lines", "orders"}, nil
}

func (someCatalog) Fields(stream string) ([]string, error) {
	if stream == "orders" {
		return []string{"total", "select", "ship to"}, nil
	}
	return []string{"sku"}, nil
}

func TestCompleter(t *testing.T) {
	for _, c := range []struct {
		before, line string // the cursor is at the |
		head, tail   string
		words        string
	}{
		{"", "se|", "", "", "select seq session"},
		{"", "SELECT to| FROM orders", "SELECT ", " FROM orders", "to to_json( to_time( top_k( total"},
		{"", "SELECT key FROM |", "SELECT key FROM ", "", `"by day" "order lines" ALL EVENTS OF CHANGES OF EVENTS OF HISTORY OF STATE OF orders totals`},
		{"", "SELECT key FROM to| WHERE", "SELECT key FROM ", " WHERE", "totals"},
		{"", "SELECT key FROM STATE OF o|", "SELECT key FROM STATE OF ", "", "orders"},
		{"", "SELECT key FROM STATE OF t|", "SELECT key FROM STATE OF ", "", ""},
		{"", "DROP AGGREGATE |", "DROP AGGREGATE ", "", `"by day" totals`},
		{"", "SELECT key FROM st|", "SELECT key FROM ", "", "STATE OF"},
		{"SELECT key\nFROM STATE OF\n", `"o|`, "", "", `"order lines"`},
		{"", `SELECT o."s| FROM orders o`, "SELECT o.", " FROM orders o", `"select" "ship to"`},
		{"", "SELECT o.s| FROM orders o", "SELECT o.", " FROM orders o", "seq stream"},
		{"", `SELECT sk| FROM "order lines"`, "SELECT ", ` FROM "order lines"`, "sku"},
		{"SELECT sku, ", "sk|", "", "", "sku"},
		{"SELECT sku FROM orders WHERE ", "sk|", "", "", ""},
		{"", "SELECT count(*) FROM orders w|", "SELECT count(*) FROM orders ", "", "when where window window_end window_start"},
		{"", "CREATE AGGREGATE a AS SELECT count(*) FROM orders w|", "CREATE AGGREGATE a AS SELECT count(*) FROM orders ", "", "watermark when where window window_end window_start"},
		{"CREATE AGGREGATE a AS SELECT count(*) FROM orders\n", "WATERMARK BO|", "WATERMARK ", "", "BOUND"},
		{"", "Größe|", "", "", ""},
		{"", `\p|`, "", "", `\plot`},
		{"", `\d or|`, `\d `, "", "orders"},
		{"", `\format |`, `\format `, "", "csv json table"},
		{"", `\d orders x|`, `\d orders `, "", ""},
	} {
		before, after, _ := strings.Cut(c.line, "|")
		comp := &completer{someCatalog{}, func() []string { return []string{"totals", "by day"} }, func() string { return c.before }, map[string][]string{}}
		head, words, tail := comp.complete(before+after, len([]rune(before)))
		if head != c.head || tail != c.tail || strings.Join(words, " ") != c.words {
			t.Errorf("%s%s: got %q %q %q", c.before, c.line, head, words, tail)
		}
	}
}

func TestHistoryPath(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for state, want := range map[string]string{
		filepath.Join(home, "s"): filepath.Join(home, "s", "annals", "history"),
		"":                       filepath.Join(home, ".local", "state", "annals", "history"),
		"relative":               filepath.Join(home, ".local", "state", "annals", "history"),
	} {
		t.Setenv("XDG_STATE_HOME", state)
		if got, err := historyPath(); got != want || err != nil {
			t.Errorf("%q: got %s, %v", state, got, err)
		}
	}
}

// TestEditor_History checks that the history outlives an editor, and is cut.
func TestEditor_History(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	path, err := historyPath()
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SELECT 1;", "SELECT 'é';"} {
		e, err := newEditor(nil)
		if err != nil {
			t.Fatal(err)
		}
		e.remember(statement)
		if err := e.close(); err != nil {
			t.Fatal(err)
		}
	}
	checkFile(t, path, "SELECT 1;\nSELECT 'é';\n")

	many := strings.Repeat("SELECT 2;\nSELECT 3;\n", 1500)
	if err := os.WriteFile(path, []byte(many+"\xff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := newEditor(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path, "SELECT 3;\n"+many[:20*499]+"�\n")
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s: got %d bytes, want %d:\n%.200s", path, len(got), len(want), got)
	}
}

func TestOneStatement(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT key;":                    "SELECT key;",
		"SELECT key\r\n  FROM t;":        "SELECT key   FROM t;",
		"SELECT key -- the key\nFROM t;": "SELECT key FROM t;",
		"SELECT 'a\nb' FROM t;":          "",
		"SELECT key -- wrong\nFORM t;":   "SELECT key -- wrong FORM t;",
	} {
		if got := oneStatement(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestQuery_Interrupted checks that the end of its context is the end of a query,
// and of a script of them.
func TestQuery_Interrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, lines(1000), "import", "db", "-", "--stream", "s", "--id", "id", "--batch", "batch")
	for _, args := range [][]string{{"query", "db", "SELECT * FROM s ORDER BY x"}, {"shell", "db"}} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var out, errOut bytes.Buffer
		status := run(ctx, args, strings.NewReader("SELECT * FROM s;\nSELECT * FROM s;\n"), &out, &errOut)
		if status != statusFailure || !strings.HasSuffix(errOut.String(), args[0]+": interrupted\n") || out.Len() > 0 {
			t.Errorf("%q: status %d, %s, %s", args, status, errOut.String(), out.String())
		}
	}
}

func TestCommandNames_AreOfHelp(t *testing.T) {
	for _, name := range commandNames() {
		if !slices.Contains(strings.Fields(shellHelp()), name) {
			t.Errorf("%s is not in the help", name)
		}
	}
}
