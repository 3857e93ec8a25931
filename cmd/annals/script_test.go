package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the golden files")

// annals carries out one command line in the current directory.
func annals(in string, args ...string) (status int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(in), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// mustRun is annals for what has to succeed.
func mustRun(t *testing.T, in string, args ...string) string {
	t.Helper()
	status, out, errOut := annals(in, args...)
	if status != statusFound || errOut != "" {
		t.Fatalf("annals %s: status %d: %s", strings.Join(args, " "), status, errOut)
	}
	return out
}

// TestScripts carries out the scripts in testdata/*.txt: after each line
// "$ annals ..." stands what it prints, standard error with "! " in front, and
// the exit status where it is not 0. -update writes them anew.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			path, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			inTestdata(t)
			got := play(string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("run with -update to accept:\n%s", firstDifference(got, string(want)))
			}
		})
	}
}

// inTestdata makes the current directory a new one with the inputs in it.
func inTestdata(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// play carries out the commands of a script and returns it with what they
// print now. Lines "> ..." behind a command are its standard input.
func play(script string) string {
	var b strings.Builder
	printed := false // passing over what an earlier run printed
	lines := strings.SplitAfter(script, "\n")
	for i, line := range lines {
		command, ok := strings.CutPrefix(line, "$ annals ")
		if !ok {
			if !printed {
				b.WriteString(line)
			}
			continue
		}
		if printed {
			b.WriteString("\n")
		}
		printed = true
		b.WriteString(line)
		var in strings.Builder
		for _, line := range lines[i+1:] {
			text, ok := strings.CutPrefix(line, "> ")
			if !ok {
				break
			}
			b.WriteString(line)
			in.WriteString(text)
		}
		status, out, errOut := annals(in.String(), argumentsOf(command)...)
		b.WriteString(stable(out))
		for line := range strings.Lines(errOut) {
			b.WriteString("! " + line)
		}
		if status != 0 {
			fmt.Fprintf(&b, "status %d\n", status)
		}
	}
	return b.String()
}

var argument = regexp.MustCompile(`(?:[^\s"']|"[^"]*"|'[^']*')+`)

// argumentsOf cuts a command line: what stands in quotes is one argument.
func argumentsOf(command string) []string {
	all := argument.FindAllString(command, -1)
	for i, a := range all {
		var b strings.Builder
		for a != "" {
			quote := strings.IndexAny(a, `"'`)
			if quote < 0 {
				break
			}
			end := quote + 1 + strings.IndexByte(a[quote+1:], a[quote])
			b.WriteString(a[:quote] + a[quote+1:end])
			a = a[end+1:]
		}
		all[i] = b.String() + a
	}
	return all
}

var (
	importSpeed = regexp.MustCompile(`(?m)^(stored .*); .* events/s$`)
	queryTime   = regexp.MustCompile(`(?m)^([\d,]+ rows?), [\d.]+ (?:µs|ms|s), `)
)

// stable takes out of what was printed the time it took.
func stable(out string) string {
	out = importSpeed.ReplaceAllString(out, "$1")
	return queryTime.ReplaceAllString(out, "$1, ")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d:\ngot  %s\nwant %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
