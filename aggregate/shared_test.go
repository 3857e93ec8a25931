package aggregate

import (
	"testing"

	"github.com/annalsdb/annals/segment"
)

// TestResultOf: sum and average tell each other's results.
func TestResultOf(t *testing.T) {
	both := []Function{Sum{}, Avg{}}
	for _, f := range both {
		g := f.Groups(1)
		if err := g.Add(nil, &Vector{Kind: segment.Int64Value, Ints: []int64{1, 2, 6}}); err != nil {
			t.Fatal(err)
		}
		for _, other := range both {
			own := other.Groups(1)
			if err := own.Merge(nil, g); err == nil && f != other {
				t.Errorf("%s was merged into %s", f, other)
			}
			want := map[Function]segment.Value{Sum{}: segment.Int64Of(9), Avg{}: segment.Float64Of(3)}[other]
			if got, err := ResultOf(other, g, 0); err != nil || got != want || !Shares(f, other) {
				t.Errorf("%s of groups of %s: %v, %v, want %v", other, f, got, err, want)
			}
		}
	}
	if Shares(Sum{}, Min{}) || Shares(Count{}, Avg{}) {
		t.Error("functions share that keep other things")
	}
	if got, err := ResultOf(Sum{}, Count{}.Groups(1), 0); err != nil || got != segment.Int64Of(0) {
		t.Errorf("of others it is their own result: %v, %v", got, err)
	}
}
