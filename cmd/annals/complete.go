package main

import (
	"slices"
	"strings"
	"unicode"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// completer offers words of the language, and names of a database.
type completer struct {
	catalog    query.Catalog
	aggregates func() []string     // the names of those that are maintained now
	before     func() string       // the lines of the statement so far
	fields     map[string][]string // by stream, as they are asked for
}

// ownColumns are what rows have beside fields.
var ownColumns = []string{
	"key", "time", "seq", "recorded", "version", "type", "kind", "stream",
	"valid_from", "valid_until", "window_start", "window_end",
}

// kindsOfSource are what stands before the name of a stream.
var kindsOfSource = []string{"STATE OF", "HISTORY OF", "CHANGES OF", "EVENTS OF", "ALL EVENTS OF"}

// complete is the words that can stand in the place of the one that ends at pos,
// in characters, between what is before and behind it.
func (c *completer) complete(line string, pos int) (head string, words []string, tail string) {
	runes := []rune(line)
	start := pos
	for start > 0 && (runes[start-1] == '_' || runes[start-1] == '"' || unicode.IsLetter(runes[start-1]) || unicode.IsDigit(runes[start-1])) {
		start--
	}
	head, tail = string(runes[:start]), string(runes[pos:])
	prefix := string(runes[start:pos])
	text := c.before() + head
	first, last := endWords(text)
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), `\`):
		head, prefix, words = c.command(head, prefix)
	case strings.HasSuffix(text, "."):
		words = c.columns(text + tail)
	case last == "FROM":
		words = slices.Concat(c.streams(), quotedAll(c.aggregates()), kindsOfSource)
	case last == "OF" || last == "JOIN":
		words = append(c.streams(), kindsOfSource...)
	case first == "DROP" && last == "AGGREGATE":
		words = quotedAll(c.aggregates())
	default:
		words = append(c.expression(text+tail), query.Keywords(first == "CREATE")...)
	}
	return head, matching(words, prefix), tail
}

// command completes \commands and what follows them.
func (c *completer) command(head, prefix string) (string, string, []string) {
	name, rest, spaced := strings.Cut(strings.TrimLeft(head, " "), " ")
	switch {
	case !spaced:
		return "", head + prefix, commandNames()
	case strings.TrimSpace(rest) != "":
		return head, prefix, nil
	case name == `\d`:
		return head, prefix, c.streams()
	case name == `\format`:
		return head, prefix, []string{string(formatTable), string(formatJSON), string(formatCSV)}
	}
	return head, prefix, nil
}

// expression is the names that an expression can begin with.
func (c *completer) expression(text string) []string {
	words := c.columns(text)
	for _, f := range query.Functions() {
		words = append(words, f+"(")
	}
	return words
}

// columns are those of the streams that a text names, or of all if it names none.
func (c *completer) columns(text string) []string {
	words := slices.Clone(ownColumns)
	all := c.names()
	named := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.Contains(text, s) })
	if len(named) == 0 {
		named = all
	}
	for _, stream := range named {
		for _, f := range c.fieldsOf(stream) {
			words = append(words, quoted(f))
		}
	}
	return words
}

// fieldsOf are the fields of a stream, none where they cannot be read: the query
// will say why.
func (c *completer) fieldsOf(stream string) []string {
	fields, known := c.fields[stream]
	if !known {
		fields, _ = c.catalog.Fields(stream)
		c.fields[stream] = fields
	}
	return fields
}

func (c *completer) streams() []string { return quotedAll(c.names()) }

// names is the streams but that of the definitions of aggregates, which SHOW tells.
func (c *completer) names() []string {
	all, _ := c.catalog.Streams()
	return slices.DeleteFunc(all, func(s string) bool { return s == store.AggregateStream })
}

// quotedAll is names as the language writes them.
func quotedAll(names []string) []string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = quoted(name)
	}
	return words
}

// quoted is a name as the language writes it.
func quoted(name string) string { return query.Col("x", name).String()[len("x."):] }

// endWords are the first and the last word of a text, in upper case.
func endWords(text string) (first, last string) {
	words := strings.Fields(strings.ToUpper(text))
	if len(words) == 0 {
		return "", ""
	}
	return words[0], words[len(words)-1]
}

// matching is the words that begin with a prefix, whatever its case, sorted.
// Those of the language are in lower case if the prefix is.
func matching(words []string, prefix string) []string {
	var found []string
	for _, w := range words {
		if len(w) < len(prefix) || !strings.EqualFold(w[:len(prefix)], prefix) {
			continue
		}
		if prefix != "" && strings.ToLower(prefix) == prefix && strings.ToUpper(w) == w && slices.Contains(query.Keywords(true), w) {
			w = strings.ToLower(w)
		}
		found = append(found, w)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
