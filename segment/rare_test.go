package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/index"
)

// Of each block and dictionary, however texts are repeated in it, the bitmaps say
// which rows hold a rare value; frequent values and columns of texts that do not
// repeat have none.
func TestRarities_Rows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	const blocks = 5
	o := &outlet{cols: make([]vector, firstField+3), columns: make([]column, firstField+3)}
	for c, kind := range []ValueKind{StringValue, StringValue, BytesValue} {
		o.columns[firstField+c] = column{fmt.Sprint("c", c), kind}
	}
	o.rare.rows = blocks * blockRows
	want := map[string][]uint32{}
	for range blocks {
		rows := drawTexts(rnd, o)
		for c, texts := range rows {
			for i, text := range texts {
				if text != "" {
					name := fmt.Sprint(c, " ", text)
					want[name] = append(want[name], uint32(o.row)+uint32(i))
				}
			}
		}
		o.rare.block(o)
		o.row += blockRows
	}
	found := 0
	for c, r := range o.rare.columns {
		if r == nil {
			continue
		}
		for value, b := range r.builder.Rare(blocks*blockRows, postingBits) {
			bitmap, err := index.OpenBitmap(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := bitmap.ToArray(); !slices.Equal(got, want[fmt.Sprint(c, " ", value)]) {
				t.Fatalf("column %d value %q: %d rows, want %d", c, value, len(got), len(want[fmt.Sprint(c, " ", value)]))
			}
			if strings.HasPrefix(value, "often") || c > firstField {
				t.Fatalf("column %d value %q has a bitmap", c, value)
			}
			found++
		}
	}
	if found != 40 {
		t.Fatalf("%d values have bitmaps, want 20 rare ones in each of 2 columns", found)
	}
}

// drawTexts fills the columns of a block and says what is in their rows: types,
// a sparse column of few values, one of values that do not repeat, and one of
// bytes.
func drawTexts(rnd *rand.Rand, o *outlet) map[int][]string {
	rows := map[int][]string{}
	for _, c := range []int{colType, firstField, firstField + 1, firstField + 2} {
		v := &o.cols[c]
		v.reset()
		rows[c] = make([]string, blockRows)
		for i := range blockRows {
			text := fmt.Sprint("often ", rnd.IntN(2))
			switch {
			case c == firstField+1:
				text = fmt.Sprint("unique ", rnd.Uint64())
			case rnd.IntN(100) == 0:
				text = fmt.Sprint("rare ", rnd.IntN(20))
			}
			if c == firstField && rnd.IntN(3) == 0 {
				continue // no value
			}
			rows[c][i] = text
			if c == firstField {
				v.rows = append(v.rows, uint16(i))
			}
			v.texts.add(rnd, text)
		}
	}
	return rows
}

// add adds a text, sometimes under a new code.
func (t *texts) add(rnd *rand.Rand, s string) {
	code := slices.Index(t.dict, s)
	if code < 0 || rnd.IntN(50) == 0 {
		code = len(t.dict)
		t.dict = append(t.dict, s)
	}
	t.codes = append(t.codes, uint32(code))
}
