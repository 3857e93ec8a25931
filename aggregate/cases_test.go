package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"
)

// testdata/windows.json holds cases of Apache Flink and Apache Beam: facts read
// from their tests, each with the file that it is from (ref); source names the
// repositories and semantics the rules behind what is expected. Times of theirs
// are ms, ours ns; tumbling, sliding, sessions and calendar are our Tumbling,
// Hopping, Session and Calendar.

type windowCase struct {
	ID     string
	Given  []any
	Op     windowOp
	Expect json.RawMessage
}

type windowOp struct {
	Assign                                    *int64
	Tumbling, Sliding, Slide, Offset, Session int64
	Sessions                                  *int64
	Merge                                     [][2]int64 `json:"merge_windows"`
	Touching, Calendar, Zone, Start           string
	N                                         int
	Weekday                                   string `json:"start_weekday"`
}

// windowRules is where we answer otherwise on purpose.
var windowRules = map[string]string{
	// A gap of exactly Gap joins, as in Flink: an event at the end of a session
	// belongs to it. Beam separates them.
	"beam-session-touching": `[[0,20,[0,10]],[101,111,[101]]]`,
}

func TestWindow_CasesOfOtherSystems(t *testing.T) {
	data, err := os.ReadFile("testdata/windows.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []windowCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 66 {
		t.Errorf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			want := c.Expect
			if rule := windowRules[c.ID]; rule != "" {
				want = json.RawMessage(rule)
			}
			got := c.run(t)
			var wanted any
			if err := json.Unmarshal(want, &wanted); err != nil {
				t.Fatal(err)
			}
			if normal(t, got) != normal(t, wanted) {
				t.Errorf("%s\nnot %s", normal(t, got), normal(t, wanted))
			}
		})
	}
}

func normal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const ms = time.Millisecond

// window is the window of a case.
func (op *windowOp) window(t *testing.T) Window {
	switch {
	case op.Sessions != nil:
		return Session{time.Duration(*op.Sessions) * ms}
	case op.Merge != nil:
		return Session{ms}
	case op.Calendar != "":
		return op.calendar(t)
	case op.Sliding != 0:
		return Hopping{time.Duration(op.Sliding) * ms, time.Duration(op.Slide) * ms, time.Duration(op.Offset) * ms}
	}
	return Tumbling{time.Duration(op.Tumbling) * ms, time.Duration(op.Offset) * ms}
}

func (op *windowOp) calendar(t *testing.T) Calendar {
	unit := slices.Index(unitNames[:], op.Calendar)
	if unit < 0 {
		t.Fatalf("calendar of %s", op.Calendar)
	}
	w := Calendar{Unit: Unit(unit), N: op.N}
	if op.Zone != "" {
		zone, err := time.LoadLocation(op.Zone)
		if err != nil {
			t.Fatal(err)
		}
		w.Zone = zone
	}
	if op.Weekday == "wednesday" {
		w.Origin = Date{1969, 12, 31}
	}
	if op.Start != "" {
		start, err := time.Parse(time.RFC3339, op.Start)
		if err != nil {
			t.Fatal(err)
		}
		w.Origin = Date{start.Year(), int(start.Month()), start.Day()}
	}
	return w
}

func (c *windowCase) run(t *testing.T) any {
	w := c.Op.window(t)
	if err := w.Check(); err != nil {
		if !errors.Is(err, ErrWindow) {
			t.Error(err)
		}
		return map[string]string{"error": "invalid_window"}
	}
	switch w := w.(type) {
	case Session:
		if c.Op.Merge != nil {
			return c.merge(w)
		}
		return c.sessions(w)
	case Fixed:
		if c.Op.Assign == nil {
			return c.group(t, w)
		}
		spans := w.Assign(nil, *c.Op.Assign*int64(ms))
		slices.Reverse(spans)
		out := [][2]int64{}
		for _, s := range spans {
			out = append(out, [2]int64{s.Start / int64(ms), s.End / int64(ms)})
		}
		return out
	}
	t.Fatalf("window %s", w)
	return nil
}

func (c *windowCase) merge(w Session) any {
	var list []Span
	for _, m := range c.Op.Merge {
		list = append(list, Span{m[0], m[1]})
	}
	out := [][2]int64{}
	for _, s := range w.Merge(list) {
		out = append(out, [2]int64{s.Start, s.End})
	}
	return out
}

// sessions adds events in the order of arrival.
func (c *windowCase) sessions(w Session) any {
	s := Sessions{Window: w}
	var times []int64
	for _, g := range c.Given {
		times = append(times, int64(g.(float64))*int64(ms))
		s.Add(times[len(times)-1])
	}
	out := []any{}
	for _, span := range s.All() {
		var in []int64
		for _, at := range slices.Sorted(slices.Values(times)) {
			if at >= span.Start && at <= span.End {
				in = append(in, at/int64(ms))
			}
		}
		out = append(out, []any{span.Start / int64(ms), span.End / int64(ms), in})
	}
	return out
}

// group puts events into their windows, in the order of the windows; events of
// calendar windows are named by their place.
func (c *windowCase) group(t *testing.T, w Fixed) any {
	in := map[Span][]any{}
	for i, g := range c.Given {
		name, at := g, int64(0)
		switch g := g.(type) {
		case float64:
			at = int64(g) * int64(ms)
		case string:
			instant, err := time.Parse(time.RFC3339, g)
			if err != nil {
				t.Fatal(err)
			}
			name, at = i, instant.UnixNano()
		}
		for _, s := range w.Assign(nil, at) {
			in[s] = append(in[s], name)
		}
	}
	out := []any{}
	for _, s := range slices.SortedFunc(maps.Keys(in), func(a, b Span) int { return sign(a.Start < b.Start) }) {
		if c.Op.Calendar == "" {
			out = append(out, []any{s.Start / int64(ms), s.End / int64(ms), in[s]})
			continue
		}
		iso := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
		out = append(out, []any{iso(s.Start), iso(s.End), in[s]})
	}
	return out
}

func ExampleCalendar() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	day := Calendar{Unit: Day, Zone: berlin}
	at := time.Date(2024, 3, 31, 12, 0, 0, 0, berlin)
	s := day.At(at.UnixNano())
	fmt.Println(s, time.Duration(s.End-s.Start))
	// Output: [2024-03-30T23:00:00Z, 2024-03-31T22:00:00Z) 23h0m0s
}
