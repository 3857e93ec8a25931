package segment

import (
	"math/rand/v2"
	"testing"

	"github.com/annalsdb/annals/index"
)

// The rows of spans of time, which are searched where keys are few, are those that pass
// one by one: of all classes, of late events, of streams by time and by arrival.
func TestTester_Times(t *testing.T) {
	for _, keys := range []int{1, 4, 200} {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		m := newSealModel(rnd, 12_000, keys)
		s := m.seal(t, Work{FS: OS, Dir: t.TempDir()}, 0, len(m.batches))
		for range 60 {
			p := index.Range{Column: ColumnTime, Lo: index.Bound{Value: m.drawLiteral(rnd, ColumnTime), Open: rnd.IntN(2) == 0}}
			if rnd.IntN(4) > 0 {
				end := p.Lo.Value.Int64() + rnd.Int64N(1<<rnd.IntN(34))
				p.Hi = index.Bound{Value: index.TimeOf(end), Open: rnd.IntN(2) == 0}
			}
			m.checkSelect(t, rnd, s, p)
			m.checkSelect(t, rnd, s, index.Not{Of: p})
			if t.Failed() {
				t.Fatalf("seed %d, %d keys: %s", seed, keys, p)
			}
		}
	}
}
