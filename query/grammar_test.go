package query

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// grammar is GRAMMAR.md in parts.
type grammar struct {
	text     string
	sections []section
}

// section is a production: its name, the rule, and its examples.
type section struct {
	name, rule string
	examples   []string
}

var sectionText = regexp.MustCompile("(?s)### (\\w+)\n\n```ebnf\n(.*?)```\n\n```sql\n(.*?)```\n")

func readGrammar(t *testing.T) grammar {
	t.Helper()
	text, err := os.ReadFile("GRAMMAR.md")
	if err != nil {
		t.Fatal(err)
	}
	g := grammar{text: string(text)}
	for _, m := range sectionText.FindAllStringSubmatch(g.text, -1) {
		g.sections = append(g.sections, section{m[1], m[2], strings.Split(strings.TrimSpace(m[3]), "\n")})
	}
	if n := strings.Count(g.text, "\n### "); n != len(g.sections) || n == 0 {
		t.Fatalf("%d of %d productions have a rule and examples", len(g.sections), n)
	}
	return g
}

// TestGrammar_Examples: each example of each production is parsed, is bound, and is
// printed as what is parsed as the same.
func TestGrammar_Examples(t *testing.T) {
	for _, s := range readGrammar(t).sections {
		for _, text := range s.examples {
			if first, _, _ := strings.Cut(text, " "); !slices.Contains([]string{"SELECT", "EXPLAIN", "CREATE", "DROP", "SHOW"}, first) {
				text = "SELECT " + text + " FROM orders"
			}
			q, err := Parse(text)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			if again, err := Parse(q.String()); err != nil || !again.Equal(q) {
				t.Errorf("%s: %s is printed as %s, %v", s.name, text, q, err)
			}
			if q.verb == drops || q.verb == shows {
				continue // nothing is bound
			}
			star := len(q.items) == 0 || q.items[0].Expr.op == starOp // it needs to know the fields
			if _, err := bind(q, nil, nil); err != nil && !star && !strings.Contains(text, "$") {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

var (
	quoted  = regexp.MustCompile(`"[^"]+"|'"+'`)
	symbols = regexp.MustCompile(`[a-z]\w*`)
	letters = regexp.MustCompile(`^"[A-Z_]+"$`)
)

// TestGrammar_Complete: every symbol has its production, every keyword of the grammar
// is known to the parser's errors or reserved, and the reserved ones are those listed.
func TestGrammar_Complete(t *testing.T) {
	g := readGrammar(t)
	defined := map[string]bool{"letter": true, "digit": true, "character": true, "hex": true}
	for _, s := range g.sections {
		if !strings.HasPrefix(s.rule, s.name+" = ") || !strings.HasSuffix(strings.TrimSpace(s.rule), " .") {
			t.Errorf("the rule of %s is %s", s.name, s.rule)
		}
		defined[s.name] = true
	}
	words := map[string]bool{}
	for _, s := range g.sections {
		for _, w := range quoted.FindAllString(s.rule, -1) {
			if letters.MatchString(w) {
				words[strings.Trim(w, `"`)] = true
			}
		}
		for _, symbol := range symbols.FindAllString(quoted.ReplaceAllString(s.rule, ""), -1) {
			if !defined[symbol] {
				t.Errorf("%s in the rule of %s has no production", symbol, s.name)
			}
		}
	}
	for w := range reserved {
		if !words[w] {
			t.Errorf("%s is reserved and in no rule", w)
		}
	}
	_, list, _ := strings.Cut(g.text, "names only in quotes: ")
	list, _, _ = strings.Cut(list, ".")
	listed := strings.Split(strings.Join(strings.Fields(list), " "), ", ")
	if want := slices.Sorted(maps.Keys(reserved)); !slices.Equal(listed, want) {
		t.Errorf("the keywords listed are\n%q, reserved are\n%q", listed, want)
	}
}

// TestGrammar_Functions: the tables have each function and aggregate and no other.
func TestGrammar_Functions(t *testing.T) {
	_, tables, ok := strings.Cut(readGrammar(t).text, "\n## Functions\n")
	if !ok {
		t.Fatal("no functions")
	}
	listed := map[string]bool{}
	for line := range strings.Lines(tables) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`(\\w+)\\(").FindAllStringSubmatch(cells[1], -1) {
			listed[m[1]] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(listed)), slices.Sorted(slices.Values(functionNames())); !slices.Equal(got, want) {
		t.Errorf("listed are\n%q, there are\n%q", got, want)
	}
}
