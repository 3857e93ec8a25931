package query

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the scripts answer into the golden files")

// TestScripts plays the sessions in testdata/*.txt. A command begins a line with a
// word and a colon and goes on through the lines behind it up to an empty one or
// "----", behind which stands its answer:
//
//	parse: TEXT         the query as it is printed
//	eval: EXPR          the value of an expression without columns, and its kind
//	plan: TEXT          names, pushed down predicate, what is left
//	run: TEXT           the rows that the naive evaluator finds in the streams; the
//	                    engine has to find the same
//	explain: TEXT       the plan
//	analyze: TEXT       the plan, and what it took, without times
//	ask: TEXT           what a database with the streams answers, statements included
//	params: V, V        of the next command, as expressions
//
// An error is answered as it is. -update writes the answers anew.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("run with -update to accept:\n%s", lineDifference(got, string(want)))
			}
		})
	}
}

// session is a script being played.
type session struct {
	t      *testing.T
	data   *naiveData
	params []any
	db     *engine // nil until it is asked for
}

// playScript answers the commands of a script and keeps all else.
func playScript(t *testing.T, script string) string {
	s := session{t: t, data: scriptData()}
	var out, command strings.Builder
	answer := func() {
		if command.Len() > 0 {
			out.WriteString("----\n" + s.answer(command.String()))
			command.Reset()
		}
	}
	skipping := false
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		switch word, _, _ := strings.Cut(line, " "); {
		case line == "":
			answer()
			skipping = false
		case line == "----":
			answer()
			skipping = true
			continue
		case skipping:
			continue
		case command.Len() > 0 || strings.HasSuffix(word, ":") && word[0] != '#':
			command.WriteString(line + "\n")
		}
		out.WriteString(line + "\n")
	}
	answer()
	return out.String()
}

// answer carries out one command.
func (s *session) answer(command string) string {
	word, text, _ := strings.Cut(command, ":")
	text = strings.TrimSpace(text)
	if word == "params" {
		return s.setParams(text)
	}
	params := s.params
	s.params = nil
	var answer string
	var err error
	switch word {
	case "parse":
		answer, err = printed(text)
	case "eval":
		answer, err = evaluated(text, params)
	case "plan":
		answer, err = s.planned(text, params)
	case "run":
		answer, err = s.ran(text, params)
	case "explain":
		answer, err = s.explained("EXPLAIN "+text, params)
	case "ask":
		db := s.engine().db
		defer built(s.t, db) // what is known of windows does not depend on who is first
		return asked(s.t, db, text, params...)
	case "analyze":
		answer, err = s.explained("EXPLAIN ANALYZE "+text, params)
	default:
		s.t.Fatalf("no command %q", word)
	}
	if err != nil {
		var placed *Error
		if !errors.As(err, &placed) && !strings.HasPrefix(err.Error(), "query: ") {
			s.t.Errorf("%s: an error without a place: %v", command, err)
		}
		return err.Error() + "\n"
	}
	return answer
}

func (s *session) setParams(text string) string {
	q, err := Parse("SELECT " + text + " FROM t")
	if err != nil {
		return err.Error() + "\n"
	}
	for _, it := range q.items {
		p, err := bind(From("t").Select(it.Expr), nil, nil)
		if err != nil {
			return err.Error() + "\n"
		}
		v, err := p.outputs[0].eval(nil)
		if err != nil {
			return err.Error() + "\n"
		}
		s.params = append(s.params, v)
	}
	return fmt.Sprintf("%d given\n", len(s.params))
}

// printed parses and prints, and checks that what is printed is the same query.
func printed(text string) (string, error) {
	q, err := Parse(text)
	if err != nil {
		return "", err
	}
	again, err := Parse(q.String())
	if err != nil || !again.Equal(q) {
		return "", fmt.Errorf("printed as another query: %s, %v", q, err)
	}
	return q.String() + "\n", nil
}

// evaluated is the value of an expression, whether it is folded or not.
func evaluated(text string, params []any) (string, error) {
	q, err := Parse("SELECT " + text + " FROM t")
	if err != nil {
		return "", err
	}
	p, err := bind(q, nil, params)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range p.outputs {
		v, err := n.eval(make([]Value, len(p.columns)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s (%s)\n", brief(v), v.Kind())
	}
	return b.String(), nil
}

func (s *session) planned(text string, params []any) (string, error) {
	q, err := Parse(text)
	if err != nil {
		return "", err
	}
	p, err := bind(q, s.data, params)
	if err != nil {
		return "", err
	}
	pushed, rest := split(p.where, p.pushName(0))
	var b strings.Builder
	fmt.Fprintf(&b, "columns: %s\n", strings.Join(p.names, ", "))
	if pushed != nil {
		fmt.Fprintf(&b, "pushed: %q\n", pushed)
	}
	for _, n := range rest {
		fmt.Fprintf(&b, "rest: %s\n", text[n.at:])
	}
	return b.String(), nil
}

func (s *session) ran(text string, params []any) (string, error) {
	q, err := Parse(text)
	if err != nil {
		return "", err
	}
	a, err := s.data.run(q, params)
	got, failed := s.engine().run(&Options{}, q, params...)
	if err != nil || failed != nil {
		if err == nil || failed == nil || err.Error() != failed.Error() {
			s.t.Errorf("%s: %v, the engine says %v", text, err, failed)
		}
		return "", err
	}
	p, err := bind(q, s.data, params)
	if err != nil {
		return "", err
	}
	if wrong := sameAnswer(p, got, a, a, 0.011); wrong != "" && p.limit < 0 {
		s.t.Errorf("%s: the engine's answer: %s", text, wrong)
	}
	return a.String(), nil
}

func lineDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d:\ngot  %s\nwant %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
