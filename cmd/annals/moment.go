package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

// layouts are the ways to write a time on the command line. Without an offset
// it is UTC.
var layouts = []string{time.RFC3339Nano, "2006-01-02", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

// parseTime reads a time of the command line.
func parseTime(text string) (time.Time, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2010-06-01 or 2010-06-01T12:00:00+02:00", text)
}

// timeFlag is a flag that takes a time; the zero time means it was not given.
type timeFlag struct{ time.Time }

func (f *timeFlag) String() string {
	if f.IsZero() {
		return ""
	}
	return f.Format(time.RFC3339Nano)
}

func (f *timeFlag) Set(text string) (err error) {
	f.Time, err = parseTime(text)
	return err
}

func (f *timeFlag) Type() string { return "TIME" }

// momentFlags choose the view that a reading command looks at.
type momentFlags struct {
	asOf    timeFlag
	knownBy timeFlag
	knownAt uint64
	cmd     *cobra.Command
}

// momentFlagsOf gives cmd the flags.
func momentFlagsOf(cmd *cobra.Command) *momentFlags {
	m := &momentFlags{cmd: cmd}
	cmd.Flags().Var(&m.asOf, "as-of", "what was true at this `TIME`: events that happened later do not count")
	cmd.Flags().Uint64Var(&m.knownAt, "known-at", 0, "what was known at this position (`SEQ`): events stored later do not count")
	cmd.Flags().Var(&m.knownBy, "known-by", "what was known by this `TIME`: events recorded later do not count")
	cmd.MarkFlagsMutuallyExclusive("known-at", "known-by")
	return m
}

// view is the view at the moments given, the latest without any.
func (m *momentFlags) view(db *store.DB) (*store.View, error) { return db.View(m.list()...) }

// list is the moments given.
func (m *momentFlags) list() (moments []store.Moment) {
	given := m.cmd.Flags().Changed
	if given("as-of") {
		moments = append(moments, store.AsOf(m.asOf.Time))
	}
	if given("known-at") {
		moments = append(moments, store.KnownAt(m.knownAt))
	}
	if given("known-by") {
		moments = append(moments, store.KnownBy(m.knownBy.Time))
	}
	return moments
}

// momentSyntax explains a moment of diff.
const momentSyntax = `a time (what was true then), known:TIME (what was known then), seq:N, latest, or two with a comma`

// parseMoment reads a moment of diff: "2010-06-01", "known:2010-06-01",
// "seq:1200", "latest", or one of each axis: "2010-06-01,seq:1200".
func parseMoment(text string) ([]store.Moment, error) {
	if text == "" {
		return nil, errors.New("no moment given: write " + momentSyntax)
	}
	if text == "latest" {
		return nil, nil
	}
	var moments []store.Moment
	for part := range strings.SplitSeq(text, ",") {
		m, err := parsePart(part)
		if err != nil {
			return nil, fmt.Errorf("moment %q: %w", text, err)
		}
		moments = append(moments, m)
	}
	return moments, nil
}

func parsePart(part string) (store.Moment, error) {
	if n, ok := strings.CutPrefix(part, "seq:"); ok {
		seq, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			return store.Moment{}, fmt.Errorf("%q is no position", n)
		}
		return store.KnownAt(seq), nil
	}
	text, known := strings.CutPrefix(part, "known:")
	t, err := parseTime(text)
	if err != nil {
		return store.Moment{}, err
	}
	if known {
		return store.KnownBy(t), nil
	}
	return store.AsOf(t), nil
}
