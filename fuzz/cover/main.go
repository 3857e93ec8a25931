// Command cover tells how much of the core packages runs when their own tests and those
// of package fuzz do, and what does not:
//
//	go run ./fuzz/cover
//
// It runs the tests, with the flags of go test that follow behind --, or reads a profile
// that they left. A statement counts if any test binary ran it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// core are the packages that count, by their directories.
var core = []string{"./store", "./segment", "./index", "./query", "./aggregate"}

func main() {
	profile := flag.String("profile", "", "a file to read, written by go test -coverprofile; none runs the tests")
	functions := flag.Int("functions", 20, "how many functions to name, those with most that did not run")
	update := flag.Bool("update", false, "write the table of fuzz/README.md")
	flag.Parse()
	if err := run(*profile, *functions, *update, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(profile string, functions int, update bool, args []string) error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}}\n{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w; run it inside", err)
	}
	module, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if profile == "" {
		dir, err := os.MkdirTemp("", "annals-cover-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		profile = filepath.Join(dir, "profile")
		if err := test(root, profile, args); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	blocks, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", profile, err)
	}
	table := packages(blocks, module).table("package")
	fmt.Print(table)
	missed, err := byFunction(blocks, module, root)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s", missed.most(functions).table("did not run"))
	if !update {
		return nil
	}
	day := fmt.Sprintf("%s, %s, %s/%s:\n\n", time.Now().Format("2 January 2006"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return write(filepath.Join(root, "fuzz", "README.md"), day+table)
}

// test has the tests write a profile.
func test(root, profile string, args []string) error {
	args = append([]string{"test", "-coverpkg=" + strings.Join(core, ","), "-coverprofile=" + profile}, args...)
	cmd := exec.Command("go", append(append(args, core...), "./fuzz")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
}

// Where in README.md the table stands.
const (
	begin = "<!-- coverage: go run ./fuzz/cover -update -->\n"
	end   = "<!-- end of the coverage -->\n"
)

// write puts the text between its marks.
func write(name, text string) error {
	readme, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table: it stands between %q and %q", name, begin, end)
	}
	return os.WriteFile(name, []byte(before+begin+text+end+after), 0o644)
}
