package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 漢字 🎈":       "plain é 漢字 🎈",
		"a\tb\nc":            `a\tb\nc`,
		"\x1b[31mred\x1b[0m": `\x1b[31mred\x1b[0m`,
		"bad \xff\xfe":       `bad \xff\xfe`,
		"\u0085\u009b1m":     `\u0085\u009b1m`,
		"\u202eturned\u2028": `\u202eturned\u2028`,
	} {
		if got := sanitize(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestScreen_Paint(t *testing.T) {
	if got := (screen{}).paint(red, "x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	painted := (screen{colour: true}).paint(red, "漢x")
	if painted != "\x1b[31m漢x\x1b[0m" || width(painted) != 3 {
		t.Errorf("with colours: %q, %d columns", painted, width(painted))
	}
	if s := screenOf(&bytes.Buffer{}); s != (screen{}) {
		t.Errorf("a buffer is a screen: %+v", s)
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if hasColour() {
		t.Error("NO_COLOR is not respected")
	}
	t.Setenv("NO_COLOR", "")
	if !hasColour() {
		t.Error("an empty NO_COLOR takes the colours away")
	}
}

func TestFit(t *testing.T) {
	if got := fit("漢字漢字", 5); got != "漢字…" {
		t.Errorf("fit: %q", got)
	}
	if got := fitPath("docs/libcurl/opts/X.md", 12); got != "…l/opts/X.md" {
		t.Errorf("fitPath: %q", got)
	}
	if got := fitPath("short", 12); got != "short" {
		t.Errorf("fitPath: %q", got)
	}
}

func TestTable_CutsAtTheEdge(t *testing.T) {
	var out bytes.Buffer
	tab := newTable(&out, screen{width: 20}, []string{"n", "text"})
	for _, row := range [][]cell{{position(1), text("0123456789012345678901234")}, {position(100), text("漢字\n")}} {
		if err := tab.add(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.close(nil); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "  n  text\n  1  01234567890123…\n100  漢字\\n\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTable_WidestGivesWay checks that a long key leaves room on a terminal,
// and none is cut elsewhere.
func TestTable_WidestGivesWay(t *testing.T) {
	key := "docs/libcurl/opts/CURLOPT_XFERINFOFUNCTION.md"
	for columns, want := range map[int]string{
		70: "key                                seq  fields\n…opts/CURLOPT_XFERINFOFUNCTION.md    1  " + strings.Repeat("x", 29) + "…\n",
		0:  "key                                            seq  fields\n" + key + "    1  " + strings.Repeat("x", 50) + "\n",
	} {
		var out bytes.Buffer
		tab := newTable(&out, screen{width: columns}, []string{"key", "seq", "fields"})
		if err := tab.add([]cell{text(key), position(1), text(strings.Repeat("x", 50))}); err != nil {
			t.Fatal(err)
		}
		if err := tab.close(nil); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", columns, got, want)
		}
	}
}

func TestTable_LongerThanABlock(t *testing.T) {
	var out bytes.Buffer
	tab := newTable(&out, screen{}, []string{"n"})
	for i := range uint64(2*tableBlock + 1) {
		if err := tab.add([]cell{position(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.close(nil); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 2*tableBlock+2 {
		t.Errorf("got %d lines, want the rows and one header", n)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{1: "1 batch", 2: "2 batches", 0: "0 batches"} {
		if got := count(n, "batch"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 31_234_567: "31.2 MB", 5e12: "5.0 TB", 5e15: "5000.0 TB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1500: "1.5 µs", 2 * time.Millisecond: "2 ms", 12345 * time.Microsecond: "12.3 ms", 1234 * time.Millisecond: "1.23 s"} {
		if got := duration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

// TestTable_LeavesColumnsOut checks that numbers stay whole on a narrow
// terminal: other columns get narrower, then the last ones are left out.
func TestTable_LeavesColumnsOut(t *testing.T) {
	long := strings.Repeat("0123456789", 3)
	for columns, want := range map[int]string{
		60: "     n  key           text          long\n123456  …90123456789  …90123456789  01234567890123456789012…\n",
		40: "     n  key           text\n123456  …90123456789  01234567890123456…\n",
		20: "     n  key\n123456  01234567890…\n",
	} {
		var out bytes.Buffer
		tab := newTable(&out, screen{width: columns}, []string{"n", "key", "text", "long"})
		tab.omit = true
		if err := tab.add([]cell{number("123456"), text(long), text(long), text(long)}); err != nil {
			t.Fatal(err)
		}
		if err := tab.close(nil); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", columns, got, want)
		}
	}
}
