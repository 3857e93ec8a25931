package fuzz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/store"
)

// testdata/append.json holds cases of another event store: what goes in, what
// comes out. They are mapped like this:
//
//	their stream           a key of ours, with a stream of its own for its IDs
//	event number n         version n + 1, and one more for each delete before:
//	                       a delete is an event here and has a version
//	expected -1, n, exists Absent, Exactly as above, Exists
//	delete soft            a delete
//	wrong_expected_version ErrConflict
//	stream_deleted         ErrConflict that says Deleted
//	too_large              ErrTooLarge
//	read                   the events since the last delete, and Get
//
// Deleting for good (a tombstone) and truncating are other features here.

type appendCase struct {
	ID    string
	Steps []caseStep
}

type caseStep struct {
	Append   []string
	TooLarge int    `json:"append_too_large"`
	Delete   string // soft, hard
	Expected any    // -1, n, "any", "exists"
	Result   string
	Next     *int  `json:"next_expected"`
	Repeat   *bool `json:"idempotent"`
	Actual   *int
	Count    *int
	Read     string
	Events   [][2]any
	Last     *int
	Truncate *int `json:"truncate_before"`
}

// caseRules is where we answer otherwise on purpose. The key is the case and the
// step, the value is what we say: a result, "repeat", or a count.
var caseRules = map[string]string{
	// A known ID is idempotent under every expectation and for ever. There it is
	// stored once more if the expected version is right, and a conflict if not.
	"..._0e5/6":  "repeat",
	"..._0e5/7":  "count 6",
	"..._0e6/6":  "repeat",
	"..._0e4/6":  "repeat",
	"0em1_0e0/1": "repeat",
	"0em1_0e0/2": "count 1",
	// Some events known and others not is said as such: to call it a conflict
	// would send the writer to read the version and try again.
	"S_0em1_1em1_E_S_0em1_1em1_2em1_E/1": "idempotency",
	// An ID names one event, so a batch cannot hold it twice.
	"same-id-in-a-batch/0":             "idempotency",
	"same-id-in-a-batch/1":             "count 0",
	"same-id-batch-repeat-any/0":       "idempotency",
	"same-id-batch-repeat-any/1":       "idempotency",
	"same-id-batch-repeat-no-stream/0": "idempotency",
	"same-id-batch-repeat-no-stream/1": "idempotency",
	"same-id-batch-repeat-no-stream/2": "count 0",
}

// skippedCases are the cases about features that are not appends here.
var skippedCases = map[string]string{
	"tombstone-then-no-stream":    "deletes for good",
	"tombstone-then-any":          "deletes for good",
	"tombstone-then-5":            "deletes for good",
	"tombstone-then-exists":       "deletes for good",
	"delete-missing-no-stream":    "deletes for good",
	"delete-missing-any":          "deletes for good",
	"delete-wrong-version":        "deletes for good",
	"delete-twice":                "deletes for good",
	"soft-then-hard":              "deletes for good",
	"truncate-before-2":           "truncates",
	"truncate-before-less-strict": "truncates",
	"truncate-before-stricter":    "truncates",
}

func TestAppend_CasesOfAnotherStore(t *testing.T) {
	data, err := os.ReadFile("testdata/append.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []appendCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	run, skipped, ruled := 0, 0, 0
	for _, c := range file.Cases {
		if skippedCases[c.ID] != "" {
			skipped++
			continue
		}
		run++
		t.Run(c.ID, func(t *testing.T) {
			r := &caseRun{t: t, db: openEmpty(t), stream: c.ID}
			for i, step := range c.Steps {
				rule := caseRules[fmt.Sprintf("%s/%d", c.ID, i)]
				if rule != "" {
					ruled++
				}
				r.step(i, step, rule)
			}
		})
	}
	t.Logf("%d cases run, %d of their steps by our rule, %d cases skipped", run, ruled, skipped)
	if run+skipped != 47 || skipped != len(skippedCases) || ruled != len(caseRules) {
		t.Errorf("of %d cases, %d skipped and %d steps by our rule: a name in the tables is wrong", run+skipped, skipped, ruled)
	}
}

// caseRun is one case on its way.
type caseRun struct {
	t       *testing.T
	db      *store.DB
	stream  string
	deletes int // so far
}

func (r *caseRun) step(i int, s caseStep, rule string) {
	r.t.Helper()
	switch {
	case s.Count != nil:
		count := fmt.Sprint("count ", *s.Count)
		if rule != "" {
			count = rule
		}
		r.equal(i, fmt.Sprint("count ", r.db.Latest().Seq()-uint64(r.deletes)), count)
	case s.Read != "":
		r.read(i, s)
	default:
		r.append(i, s, rule)
	}
}

func (r *caseRun) equal(i int, got, want any) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("step %d: got %v, want %v", i, got, want)
	}
}

// version is the version of their event number, or of none at -1.
func (r *caseRun) version(number int) uint64 {
	if number < 0 {
		return 0
	}
	return uint64(number + 1 + r.deletes)
}

func (r *caseRun) expect(expected any) store.Expect {
	switch x := expected.(type) {
	case float64:
		if x >= 0 {
			return store.Exactly(r.version(int(x)))
		}
		return store.Absent
	case string:
		if x == "exists" {
			return store.Exists
		}
	}
	return store.Any
}

func (r *caseRun) append(i int, s caseStep, rule string) {
	r.t.Helper()
	want := s.Result
	if s.Repeat != nil && *s.Repeat {
		want = "repeat"
	}
	if rule != "" {
		want = rule
	}
	before := r.db.Latest().Seq()
	b := store.Batch{
		Events: r.events(s),
		Expect: []store.Expectation{{Stream: r.stream, Key: "k", Expect: r.expect(s.Expected)}},
	}
	receipt, err := r.db.Append(context.Background(), b)
	got := resultOf(receipt, err)
	if want == "ok" && got == "repeat" && s.Repeat == nil && s.Next != nil {
		got = "ok" // the case does not say which; its next number does
	}
	r.equal(i, got, want)
	if stored := r.db.Latest().Seq() - before; got != "ok" && stored != 0 {
		r.t.Errorf("step %d: %s, but %d events are stored", i, got, stored)
	}
	if s.Next != nil && rule == "" && len(receipt.Versions) > 0 {
		r.equal(i, receipt.Versions[len(receipt.Versions)-1], r.version(*s.Next))
	}
	var conflict *store.ConflictError
	if s.Actual != nil && errors.As(err, &conflict) {
		r.equal(i, conflict.Version, r.version(*s.Actual))
	}
	if s.Delete != "" && err == nil {
		r.deletes++
	}
}

// events is what a step appends: its events, a delete, or more than fits.
func (r *caseRun) events(s caseStep) []store.Event {
	var events []store.Event
	for _, id := range s.Append {
		events = append(events, store.Event{Stream: r.stream, Key: "k", ID: id, Fields: store.Fields{store.String("is", id)}})
	}
	if s.Delete == "soft" {
		events = append(events, store.Event{Stream: r.stream, Key: "k", Kind: store.Delete})
	}
	for n := range s.TooLarge {
		text := strings.Repeat("x", 1000)
		events = append(events, store.Event{Stream: r.stream, Key: "k", ID: fmt.Sprint("large", n), Fields: store.Fields{store.String("is", text)}})
	}
	return events
}

// resultOf is the outcome of an append in the words of the cases.
func resultOf(r store.Receipt, err error) string {
	var conflict *store.ConflictError
	switch {
	case err == nil && r.Duplicate:
		return "repeat"
	case err == nil:
		return "ok"
	case errors.As(err, &conflict) && conflict.Deleted:
		return "stream_deleted"
	case errors.As(err, &conflict):
		return "wrong_expected_version"
	case errors.Is(err, store.ErrTooLarge):
		return "too_large"
	case errors.Is(err, store.ErrIdempotency):
		return "idempotency"
	}
	return err.Error()
}

// read compares the events since the last delete, and the state, which is the
// last of them.
func (r *caseRun) read(i int, s caseStep) {
	r.t.Helper()
	var got, want []string
	for tr, err := range r.db.Latest().History(r.stream, "k") {
		if err != nil {
			r.t.Fatal(err)
		}
		if tr.Event.Kind == store.Delete {
			got = nil
			continue
		}
		got = append(got, fmt.Sprintf("%d %s", tr.Event.Version, tr.Event.Fields))
	}
	for _, e := range s.Events {
		want = append(want, fmt.Sprintf("%d is=%s", r.version(int(e[0].(float64))), e[1]))
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("step %d: events %v, want %v", i, got, want)
	}
	state, ok, err := r.db.Latest().Get(r.stream, "k")
	if err != nil {
		r.t.Fatal(err)
	}
	r.equal(i, ok, s.Read == "ok")
	if ok && s.Last != nil {
		r.equal(i, state.Version, r.version(*s.Last))
	}
}
