package query

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// unreserved are the keywords that are names too where a name can stand.
var unreserved = []string{
	"AGGREGATE", "AGGREGATES", "ANALYZE", "ASC", "AT", "BY", "CHANGES", "CREATE", "DESC", "DROP", "ESCAPE", "EVENTS", "FILTER",
	"FIRST", "FLOAT64", "HISTORY", "HOP", "JSON", "LAST", "NULLS", "OVER", "PARTITION", "SESSION", "SHOW", "SLIDING", "STATE", "TIME", "TO",
}

// Keywords is the keywords in upper case, sorted, for who offers to complete them. Those
// that stand in CREATE AGGREGATE alone are among them if that is what is written.
func Keywords(creating bool) []string {
	all := append(slices.Collect(maps.Keys(reserved)), unreserved...)
	if creating {
		all = append(append(all, markWords...), watermarkWords...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Functions is the names of the functions and aggregates, sorted.
func Functions() []string { return slices.Sorted(slices.Values(functionNames())) }

// Statement cuts a text behind its first semicolon that stands outside of strings,
// quoted names and comments. Without one ok is false: the statement goes on. It is
// "" if the text has nothing but white space and whole comments so far.
func Statement(text string) (statement, rest string, ok bool) {
	l := lexer{text: text}
	for l.at < len(text) {
		t, err := l.next()
		switch {
		case err == nil && t.kind == signToken && t.text == ";":
			return text[:t.end], text[t.end:], true
		case err == nil && t.kind != endToken:
			statement = text
		case err != nil:
			statement = text
			l.pass(err)
		}
	}
	return statement, "", false
}

// pass goes on behind what is wrong: to the end, if that is where a comment goes on
// to, else behind the character that belongs to nothing.
func (l *lexer) pass(err *Error) {
	switch {
	case l.at != err.At:
	case strings.HasPrefix(l.text[l.at:], "/*"):
		l.at = len(l.text)
	default:
		_, size := utf8.DecodeRuneInString(l.text[l.at:])
		l.at += size
	}
}
