package store_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

func day(d int) time.Time { return time.Date(2024, 3, d, 0, 0, 0, 0, time.UTC) }

func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "annals")
	defer os.RemoveAll(dir)

	db, err := store.Open(dir, nil)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	price := func(d int, euro float64) store.Batch {
		return store.Batch{Events: []store.Event{{Stream: "prices", Key: "tea", Time: day(d), Fields: store.Fields{store.Float64("euro", euro)}}}}
	}
	db.Append(ctx, price(1, 2.50))
	known, _ := db.Append(ctx, price(9, 2.80))
	db.Append(ctx, price(5, 2.60)) // late: it lands where it belongs

	then, _ := db.View(store.AsOf(day(6)))                               // what was true on 6 March
	thought, _ := db.View(store.AsOf(day(6)), store.KnownAt(known.Last)) // what was then thought to be true
	for _, view := range []*store.View{db.Latest(), then, thought} {
		tea, _, _ := view.Get("prices", "tea")
		fmt.Println(tea.Fields, "since", tea.Time.Format("2 January"))
	}
	// Output:
	// euro=2.8 since 9 March
	// euro=2.6 since 5 March
	// euro=2.5 since 1 March
}

// The README shows the example and nothing else.
func TestReadme_ShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(readme), "```go\n")
	code, _, found := strings.Cut(code, "```")
	if !found || strings.Count(code, "\n") < 15 {
		t.Fatal("the README has no example")
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(source)
	for line := range strings.Lines(code) {
		_, after, ok := strings.Cut(rest, strings.TrimSpace(line))
		if !ok {
			t.Fatalf("the example does not have, in its place, %q", strings.TrimSpace(line))
		}
		rest = after
	}
}
