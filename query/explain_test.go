package query

import (
	"regexp"
	"strings"
	"testing"
)

// explained is the plan of a query that the engine ran, with what differs from run
// to run left out.
func (s *session) explained(text string, params []any) (string, error) {
	q, err := Parse(text)
	if err != nil {
		return "", err
	}
	e := s.engine()
	a, err := e.run(&Options{Workers: 1}, q, params...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, row := range a.rows {
		b.WriteString(row[0].Str() + "\n")
	}
	return timings.ReplaceAllString(b.String(), "…"), nil
}

var timings = regexp.MustCompile(`[0-9.]+(ns|µs|ms|s)\b`)

// engine is a database of the script's data, sealed.
func (s *session) engine() *engine {
	if s.db == nil {
		s.db = newEngine(s.t, s.data)
		s.db.append(s.data, len(s.data.log))
		s.db.seal()
		s.t.Cleanup(s.db.close)
	}
	return s.db
}

// TestResult_Once: an answer is gone through once.
func TestResult_Once(t *testing.T) {
	s := session{t: t, data: scriptData()}
	q, err := Parse("SELECT key FROM orders LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	e := s.engine()
	result, err := Run(t.Context(), View(e.db.Latest()), q)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := result.All(); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := result.All(); err == nil {
		t.Error("an answer was given twice")
	}
}
