package query

import (
	"slices"
	"testing"
)

func TestStatement(t *testing.T) {
	for _, c := range []struct {
		text, statement, rest string
		ok                    bool
	}{
		{"SELECT a FROM t; SELECT", "SELECT a FROM t;", " SELECT", true},
		{";", ";", "", true},
		{"", "", "", false},
		{" \n-- nothing;\n/* ; */ ", "", "", false},
		{"-- a; b\nSELECT 1;", "-- a; b\nSELECT 1;", "", true},
		{"SELECT 'it''s; so' FROM t;x", "SELECT 'it''s; so' FROM t;", "x", true},
		{`SELECT ";""" FROM t;`, `SELECT ";""" FROM t;`, "", true},
		{"SELECT 'no end; ", "SELECT 'no end; ", "", false},
		{"SELECT /* no end; ", "SELECT /* no end; ", "", false},
		{"SELECT ! # $ \xff é \"\"; x", "SELECT ! # $ \xff é \"\";", " x", true},
		{"SELECT $", "SELECT $", "", false},
	} {
		statement, rest, ok := Statement(c.text)
		if statement != c.statement || rest != c.rest || ok != c.ok {
			t.Errorf("%q: got %q, %q, %v", c.text, statement, rest, ok)
		}
	}
}

// TestKeywords: they are the words of the grammar.
func TestKeywords(t *testing.T) {
	words := map[string]bool{}
	for _, s := range readGrammar(t).sections {
		for _, w := range quoted.FindAllString(s.rule, -1) {
			if w = w[1 : len(w)-1]; len(w) > 1 && w[0] >= 'A' && w[0] <= 'Z' {
				words[w] = true
			}
		}
	}
	keywords := Keywords(true)
	for _, k := range keywords {
		if !words[k] {
			t.Errorf("%s is in no rule", k)
		}
		delete(words, k)
	}
	if len(words) > 0 || !slices.IsSorted(keywords) {
		t.Errorf("missing are %v of %q", words, keywords)
	}
}
