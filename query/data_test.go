package query

import (
	"encoding/json"
	"time"

	"github.com/annalsdb/annals/segment"
)

func day(d int) time.Time { return time.Date(2024, 3, d, 0, 0, 0, 0, time.UTC) }

// scriptData is the small database of the scripts: orders, of which the second is
// deleted and the third was retracted once; readings and prices to join; customers,
// folded by merge.
func scriptData() *naiveData {
	d := &naiveData{streams: []naiveStream{{name: "orders"}, {name: "readings"}, {name: "prices"}, {name: "customers", merge: true}}}
	add := func(stream, key, typ string, at int, fields ...segment.Field) {
		d.add(segment.Event{Stream: stream, Key: key, Type: typ, Time: day(at), Recorded: day(40).Add(time.Duration(len(d.log)) * time.Hour), Fields: fields})
	}
	s, i, f := segment.String, segment.Int64, segment.Float64
	add("orders", "o-1", "placed", 1, s("region", "eu"), f("price", 12.5), s("status", "open"))
	add("orders", "o-2", "placed", 2, s("region", "us"), i("price", 40), s("status", "open"))
	add("orders", "o-1", "paid", 4, s("region", "eu"), f("price", 12.5), s("status", "paid"))
	add("orders", "o-3", "placed", 5, s("region", "eu"), f("price", 3), s("status", "open"))
	add("orders", "o-3", "placed", 6, s("region", "eu"), i("price", 30), s("status", "late"))
	d.add(segment.Event{Stream: "orders", Key: "o-2", Kind: segment.Delete, Type: "cancelled", Time: day(7), Recorded: day(50)})
	d.add(segment.Event{Stream: "orders", Key: "o-3", Kind: segment.Retraction, Retracts: 5, Time: day(8), Recorded: day(51)})
	d.add(segment.Event{Stream: "orders", Key: "o-1", Kind: segment.Heartbeat, Time: day(9), Recorded: day(52)})
	add("prices", "tea", "", 1, f("euro", 2.5))
	add("prices", "tea", "", 3, f("euro", 2.8))
	add("prices", "rum", "", 2, i("euro", 20))
	add("readings", "r-1", "", 2, s("item", "tea"), i("temp", 20))
	add("readings", "r-2", "", 4, s("item", "tea"), i("temp", 21))
	add("readings", "r-3", "", 1, s("item", "rum"), i("temp", 19))
	add("customers", "ann", "", 1, s("name", "Ann"), segment.JSON("address", json.RawMessage(`{"city": "Bonn", "lines": ["A 1", "B 2"]}`)))
	add("customers", "ann", "", 3, segment.Time("since", day(1)), segment.Bool("good", true))
	return d
}
