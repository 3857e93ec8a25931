package fuzz

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// A script as text: a line for each step, and, indented below it, one for each
// thing in its batch. A failure prints one, and the files of testdata/oracle are
// such. What is left out is zero, times are nanoseconds, # begins a comment.
//
//	options Sync=2 SegmentSize=400 MemoryBytes=1 Fanout=2 FoldStep=1
//	questions 7
//	keys a ab
//	stream s0 fold=merge order=arrival onlychanges
//	append at=5 recorded=6
//	  expect s0 a version=3
//	  boundary after=3
//	  item stream=s0 type=t x:int64=1
//	  change s0 a time=4 type=t id=i1 x:int64=1 y:null z:json="{}"
//	  retraction s0 ab retracts=1
//	tail from=2 stream=s0 type=t
//	define s0 fold=replace
//	maintain a at=7 stream=s0 of=sums window=tumbling2 by=key
//	drop a at=8
//	view 12 7
//	reopen

func (s script) String() string {
	var b strings.Builder
	b.WriteString("options" + showOptions(s.options) + "\n")
	fmt.Fprintf(&b, "questions %d\nkeys", s.questions)
	for _, key := range s.keys {
		b.WriteString(" " + word(key))
	}
	b.WriteByte('\n')
	for _, st := range s.streams {
		b.WriteString("stream" + streamText(st) + "\n")
	}
	for _, st := range s.steps {
		b.WriteString(st.String() + "\n")
	}
	return b.String()
}

func showOptions(o store.Options) string {
	return number("Sync", int(o.Sync)) + number("SegmentSize", o.SegmentSize) + number("MemoryBytes", o.MemoryBytes) +
		number("Fanout", o.Fanout) + number("FoldStep", o.FoldStep)
}

func (s step) String() string {
	text := string(s.do)
	switch s.do {
	case looking:
		text += fmt.Sprintf(" %d %d", s.point[0], s.point[1])
	case defining:
		text += streamText(s.stream)
	case following:
		text += number("from", s.tail.From) + moment("since", s.tail.Since) + each("stream", s.tail.Streams) +
			each("type", s.tail.Types) + named("prefix", s.tail.KeyPrefix)
	case maintains:
		text += " " + word(s.totals.name) + moment("at", s.now) + named("stream", s.totals.stream) +
			named("of", s.totals.functions) + named("window", s.totals.window) + named("by", s.totals.by)
	case dropping:
		text += " " + word(s.totals.name) + moment("at", s.now)
	case appending:
		text += moment("at", s.now) + moment("recorded", s.batch.Recorded) + batchText(s.batch)
	}
	return text
}

func streamText(s store.Stream) string {
	text := " " + word(s.Name) + named("fold", string(s.Fold))
	if s.Order == store.ByArrival {
		text += named("order", s.Order.String())
	}
	if s.OnlyChanges {
		text += " onlychanges"
	}
	return text
}

func batchText(b store.Batch) (text string) {
	for _, x := range b.Expect {
		text += "\n  expect " + word(x.Stream) + " " + word(x.Key)
		if version, ok := strings.CutPrefix(x.Expect.String(), "at version "); ok {
			text += " version=" + version
		} else {
			text += " " + x.Expect.String()
		}
	}
	if b.Boundary != nil {
		text += "\n  boundary" + number("after", b.Boundary.After)
		for _, item := range b.Boundary.Query {
			text += "\n  item" + named("stream", item.Stream) + each("type", item.Types) + fieldsText(item.Fields)
		}
	}
	for _, e := range b.Events {
		text += "\n  " + e.Kind.String() + " " + word(e.Stream) + " " + word(e.Key) + moment("time", e.Time) +
			named("type", e.Type) + named("id", e.ID) + number("retracts", e.Retracts) + fieldsText(e.Fields)
	}
	return text
}

func fieldsText(fields store.Fields) (text string) {
	for _, f := range fields {
		text += fmt.Sprintf(" %s:%s", f.Name, f.Value.Kind())
		if f.Value.IsNull() {
			continue
		}
		switch v := f.Value; v.Kind() {
		case store.StringValue, store.BytesValue, store.JSONValue:
			text += "=" + word(v.Text())
		case store.TimeValue:
			text += "=" + strconv.FormatInt(v.Time().UnixNano(), 10)
		default:
			text += "=" + v.String()
		}
	}
	return text
}

// word is a text without a space in it.
func word(s string) string {
	plain := func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') }
	if s != "" && strings.IndexFunc(s, plain) < 0 {
		return s
	}
	return strings.ReplaceAll(strconv.Quote(s), " ", `\x20`)
}

func unword(s string) (string, error) {
	if strings.HasPrefix(s, `"`) {
		return strconv.Unquote(s)
	}
	return s, nil
}

func named(name, value string) string {
	if value == "" {
		return ""
	}
	return " " + name + "=" + word(value)
}

func each(name string, values []string) (text string) {
	for _, v := range values {
		text += " " + name + "=" + word(v)
	}
	return text
}

func number[T int | int64 | uint64](name string, n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s=%d", name, n)
}

func moment(name string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(" %s=%d", name, t.UnixNano())
}

// parseScript is what String shows.
func parseScript(text string) (s script, err error) {
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		a := parseWords(words[1:])
		err := a.err
		if strings.HasPrefix(line, " ") {
			err = errors.Join(err, s.parsePart(words[0], a))
		} else {
			err = errors.Join(err, s.parseLine(words[0], a))
		}
		if err = errors.Join(err, a.err, a.unused()); err != nil {
			return s, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return s, nil
}

func (s *script) parseLine(verb string, a *arguments) error {
	st := step{do: action(verb)}
	switch st.do {
	case "options":
		s.options = store.Options{Sync: store.SyncMode(a.int("Sync")), SegmentSize: a.int("SegmentSize"), MemoryBytes: a.int("MemoryBytes"),
			Fanout: int(a.int("Fanout")), FoldStep: int(a.int("FoldStep"))}
		return nil
	case "questions":
		s.questions = a.uint(a.bare())
		return nil
	case "keys":
		s.keys, a.bares = a.bares, nil
		return nil
	case "stream":
		s.streams = append(s.streams, a.stream())
		return nil
	case defining:
		st.stream = a.stream()
	case looking:
		st.point = [2]uint64{a.uint(a.bare()), a.uint(a.bare())}
	case following:
		st.tail = store.TailQuery{From: a.uint(a.one("from")), Since: a.time("since"), Streams: a.all("stream"),
			Types: a.all("type"), KeyPrefix: a.one("prefix")}
	case maintains:
		st.totals = totalsText{name: a.bare(), stream: a.one("stream"), functions: choice(a, "of", totalsFunctions),
			window: choice(a, "window", oracleWindows), by: choice(a, "by", oracleGroups)}
		st.now = a.time("at")
	case dropping:
		st.totals.name, st.now = a.bare(), a.time("at")
	case appending:
		st.now, st.batch.Recorded = a.time("at"), a.time("recorded")
	case checkpoint, sealing, compacting, reopening:
	default:
		return fmt.Errorf("no step is called %q", verb)
	}
	s.steps = append(s.steps, st)
	return nil
}

// parsePart takes in a part of the last step's batch.
func (s *script) parsePart(verb string, a *arguments) error {
	if len(s.steps) == 0 || s.steps[len(s.steps)-1].do != appending {
		return errors.New("it belongs to no batch")
	}
	b := &s.steps[len(s.steps)-1].batch
	switch verb {
	case "expect":
		b.Expect = append(b.Expect, store.Expectation{Stream: a.bare(), Key: a.bare(), Expect: a.expect()})
	case "boundary":
		b.Boundary = &store.Boundary{After: a.uint(a.one("after"))}
	case "item":
		if b.Boundary == nil {
			return errors.New("it belongs to no boundary")
		}
		b.Boundary.Query = append(b.Boundary.Query, store.Item{Stream: a.one("stream"), Types: a.all("type"), Fields: a.takeFields()})
	default:
		e := store.Event{Stream: a.bare(), Key: a.bare(), Time: a.time("time"), Type: a.one("type"), ID: a.one("id"),
			Retracts: a.uint(a.one("retracts")), Fields: a.takeFields()}
		for e.Kind = store.Change; e.Kind.String() != verb; e.Kind++ {
			if e.Kind > store.Retraction {
				return fmt.Errorf("nothing in a batch is called %q", verb)
			}
		}
		b.Events = append(b.Events, e)
	}
	return nil
}

// arguments are the words of a line behind the first: each is taken once. err is
// the first that is not what was asked for.
type arguments struct {
	bares  []string
	named  map[string][]string
	fields store.Fields
	err    error
}

func parseWords(words []string) *arguments {
	a := &arguments{named: map[string][]string{}}
	for _, w := range words {
		name, value, given := strings.Cut(w, "=")
		text, err := unword(value)
		field, kind, ok := strings.Cut(name, ":")
		switch {
		case strings.HasPrefix(w, `"`) || !given && !ok:
			text, err = unword(w)
			a.bares = append(a.bares, text)
		case ok:
			var f store.Field
			f, err = parseField(field, kind, text)
			a.fields = append(a.fields, f)
		default:
			a.named[name] = append(a.named[name], text)
		}
		a.fail(err)
	}
	return a
}

func (a *arguments) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// unused is an error if something was not taken.
func (a *arguments) unused() error {
	if len(a.bares) > 0 || len(a.named) > 0 || len(a.fields) > 0 {
		return fmt.Errorf("nothing is known of %q %q %v", a.bares, a.named, a.fields)
	}
	return nil
}

func (a *arguments) bare() string {
	if len(a.bares) == 0 {
		a.fail(errors.New("too few words"))
		return ""
	}
	s := a.bares[0]
	a.bares = a.bares[1:]
	return s
}

func (a *arguments) all(name string) []string {
	all := a.named[name]
	delete(a.named, name)
	return all
}

func (a *arguments) one(name string) string {
	all := a.all(name)
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// choice is one that is among all.
func choice[T any](a *arguments, name string, all map[string]T) string {
	s := a.one(name)
	if _, ok := all[s]; !ok {
		a.fail(fmt.Errorf("no %s is called %q", name, s))
	}
	return s
}

// flag reports whether the next word is this one.
func (a *arguments) flag(name string) bool {
	if len(a.bares) == 0 || a.bares[0] != name {
		return false
	}
	a.bare()
	return true
}

func (a *arguments) takeFields() store.Fields {
	fields := a.fields
	a.fields = nil
	return fields
}

func (a *arguments) uint(s string) uint64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	a.fail(err)
	return n
}

func (a *arguments) int(name string) int64 {
	s := a.one(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	a.fail(err)
	return n
}

func (a *arguments) time(name string) time.Time {
	if len(a.named[name]) == 0 {
		return time.Time{}
	}
	return time.Unix(0, a.int(name))
}

func (a *arguments) stream() store.Stream {
	s := store.Stream{Name: a.bare(), Fold: store.Fold(a.one("fold")), OnlyChanges: a.flag("onlychanges")}
	if a.one("order") == store.ByArrival.String() {
		s.Order = store.ByArrival
	}
	return s
}

func (a *arguments) expect() store.Expect {
	if len(a.named["version"]) > 0 {
		return store.Exactly(a.uint(a.one("version")))
	}
	text := a.bare()
	for _, x := range []store.Expect{store.Any, store.Absent, store.Exists} {
		if x.String() == text {
			return x
		}
	}
	a.fail(fmt.Errorf("nothing is expected by %q", text))
	return store.Any
}

func parseField(name, kind, text string) (f store.Field, err error) {
	f.Name = name
	k := store.NullValue
	for ; k.String() != kind; k++ {
		if k > store.JSONValue {
			return f, fmt.Errorf("no kind of value is called %q", kind)
		}
	}
	switch k {
	case store.NullValue:
	case store.BoolValue:
		var b bool
		b, err = strconv.ParseBool(text)
		f.Value = segment.BoolOf(b)
	case store.Float64Value:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		f.Value = segment.Float64Of(x)
	case store.Int64Value, store.TimeValue:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		f.Value = segment.FromInt(k, n)
	default:
		f.Value = segment.FromText(k, text)
	}
	return f, err
}
