package source

import (
	"os"
	"testing"
)

// go test ./cmd/annals/source -run '^$' -bench Reader -benchmem
func BenchmarkReader_Curl(b *testing.B) {
	o := plain()
	o.Recorded, o.Type, o.Batch, o.Flatten = "recorded", "type", "seq", []string{"data"}
	events := 0
	for b.Loop() {
		f, err := os.Open("../demo/curl-history.ndjson.gz")
		if err != nil {
			b.Fatal(err)
		}
		r, err := NewReader(f, o)
		if err != nil {
			b.Fatal(err)
		}
		for batch, err := range r.Batches() {
			if err != nil {
				b.Fatal(err)
			}
			events += len(batch.Events)
		}
		f.Close()
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
