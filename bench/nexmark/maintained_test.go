package nexmark

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// maintained are questions as aggregates that are kept while events come. Where text is
// empty it is that of the query.
var maintained = []struct {
	name, text string
	known
}{
	{"q7", "SELECT max(price) AS price FROM bid GROUP BY WINDOW INTERVAL '10 seconds'",
		known{ask: "count(*), sum(price)", want: []int64{1, 99958591}}},
	{"q11", "", known{ask: "count(*)", want: []int64{1919}}},
	{"q12", "SELECT count(*) FROM bid GROUP BY bidder, date_bin(INTERVAL '10 seconds', recorded)",
		known{ask: `sum("count(*)")`, want: []int64{92000}}},
	{"q15", "", known{ask: "sum(rank1_bids), sum(rank2_bids), sum(rank3_bids), sum(total_bidders), sum(total_auctions)",
		want: []int64{30655, 30660, 30685, 1919, 4657}}},
	{"q17", "", known{ask: "count(*), sum(total_bids), sum(sum_price)", want: []int64{4657, 92000, 667953890778}}},
}

// TestQueries_Maintained: those that aggregates answer have the known answers too when
// they are kept from the first events on, however the others came, with the database
// opened again in between, and the rows of the query are those of the aggregate.
func TestQueries_Maintained(t *testing.T) {
	for _, a := range arrivals {
		t.Run(a.name, func(t *testing.T) {
			db := a.open(t, func(db *store.DB) {
				for _, m := range maintained {
					text := m.text
					if text == "" {
						text = textOf(t, m.name)
					}
					rowsOf(t, db, "CREATE AGGREGATE "+m.name+" AS "+text)
				}
			})
			for _, m := range maintained {
				got := rowsOf(t, db, "SELECT "+m.ask+" FROM "+m.name)
				if len(got) != 1 {
					t.Fatalf("%s: %d rows", m.name, len(got))
				}
				for i, v := range got[0] {
					if v.Int64() != m.want[i] {
						t.Errorf("%s: %s is %v, known is %v", m.name, m.ask, got[0], m.want)
						break
					}
				}
			}
			for name, columns := range map[string]string{
				"q11": `bidder, window_start, window_end, "count(*)"`,
				"q17": "auction, window_start, total_bids, rank1_bids, rank2_bids, rank3_bids, min_price, max_price, avg_price, sum_price",
			} {
				want := linesOf(rowsOf(t, db, textOf(t, name)))
				if got := linesOf(rowsOf(t, db, "SELECT "+columns+" FROM "+name)); !slices.Equal(got, want) {
					t.Errorf("%s: %d rows are kept, of %d, or other ones", name, len(got), len(want))
				}
			}
		})
	}
}

// rowsOf is the answer of a database, its aggregates included.
func rowsOf(t *testing.T, db *store.DB, text string) []query.Row {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := query.DB(db)
	if err != nil {
		t.Fatal(err)
	}
	result, err := query.Run(context.Background(), r, q)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	rows, err := result.All()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rows
}

// linesOf is rows as texts, sorted.
func linesOf(rows []query.Row) (lines []string) {
	for _, row := range rows {
		var b strings.Builder
		for _, v := range row {
			b.WriteString(v.String() + " | ")
		}
		lines = append(lines, b.String())
	}
	slices.Sort(lines)
	return lines
}
