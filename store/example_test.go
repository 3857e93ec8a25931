package store_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/annalsdb/annals/store"
)

// Two prices, the second one late: what is true now, what was true then, and
// what was known before the late one came.
func Example() {
	dir, _ := os.MkdirTemp("", "annals")
	defer os.RemoveAll(dir)
	db, err := store.Open(dir, nil)
	if err != nil {
		panic(err)
	}
	defer db.Close()

	day := func(d int) time.Time { return time.Date(2024, 3, d, 0, 0, 0, 0, time.UTC) }
	price := func(d int, euro float64) store.Batch {
		return store.Batch{Events: []store.Event{{Stream: "prices", Key: "tea", Time: day(d), Fields: store.Fields{store.Float64("euro", euro)}}}}
	}
	ctx := context.Background()
	db.Append(ctx, price(1, 2.50))
	known, _ := db.Append(ctx, price(9, 2.80))
	db.Append(ctx, price(5, 2.60)) // late

	for _, m := range [][]store.Moment{{}, {store.AsOf(day(6))}, {store.AsOf(day(6)), store.KnownAt(known.Last)}} {
		view, _ := db.View(m...)
		tea, _, _ := view.Get("prices", "tea")
		fmt.Println(tea.Fields, "since", tea.Time.Format("2 January"))
	}
	// Output:
	// euro=2.8 since 9 March
	// euro=2.6 since 5 March
	// euro=2.5 since 1 March
}
