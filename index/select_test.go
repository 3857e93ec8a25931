package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// plainTable is a source that has its rows at hand. What its zones and postings say
// is true; how much they say is drawn by lot.
type plainTable struct {
	rows      []map[string]Literal
	repeat    int // how often each of them stands there
	blockRows int // times repeat
	zones     map[string]*[kinds][]Zone
	postings  map[string]map[Literal]*roaring.Bitmap
}

func (t *plainTable) Rows() uint32   { return uint32(len(t.rows) * t.repeat) }
func (t *plainTable) BlockRows() int { return t.blockRows * t.repeat }

func (t *plainTable) Zones(column string, kind Kind) ([]Zone, error) {
	if z := t.zones[column]; z != nil {
		return z[kind], nil
	}
	return nil, nil
}

func (t *plainTable) Posting(column string, value Literal) (*roaring.Bitmap, bool, error) {
	b, ok := t.postings[column][value]
	return b, ok, nil
}

// add adds to b the rows that the i-th of t stands for.
func (t *plainTable) add(b *roaring.Bitmap, i int) {
	b.AddRange(uint64(i*t.repeat), uint64((i+1)*t.repeat))
}

func (t *plainTable) row(i int) Row {
	return func(column string) (Literal, bool) {
		v, ok := t.rows[i][column]
		return v, ok
	}
}

var columns = []string{"a", "b", "c"}

// anyLiteral is any value there is, or one of one kind.
func anyLiteral(rnd *rand.Rand, kind Kind) Literal {
	of := edge[kind]
	return of[rnd.IntN(len(of))]
}

func anyKind(rnd *rand.Rand) Kind { return Kind(rnd.IntN(int(kinds))) }

// randomTable has blocks that are empty, of one value, of one kind, or mixed.
func randomTable(rnd *rand.Rand) *plainTable {
	t := &plainTable{
		rows:      make([]map[string]Literal, rnd.IntN(50)),
		repeat:    1,
		blockRows: 1 + rnd.IntN(8),
		zones:     map[string]*[kinds][]Zone{},
		postings:  map[string]map[Literal]*roaring.Bitmap{},
	}
	for i := range t.rows {
		t.rows[i] = map[string]Literal{}
	}
	if rnd.IntN(2) == 0 {
		t.repeat = 1 + rnd.IntN(10_000) // more rows than one container of a bitmap has
	}
	for _, column := range columns {
		for block := range slices.Chunk(t.rows, t.blockRows) {
			kind, style := anyKind(rnd), rnd.IntN(6)
			value := anyLiteral(rnd, kind)
			for _, row := range block {
				switch style {
				case 0: // nothing
				case 1:
					row[column] = value
				case 2, 3:
					row[column] = anyLiteral(rnd, kind)
				case 4:
					row[column] = anyLiteral(rnd, anyKind(rnd))
				default:
					if rnd.IntN(2) == 0 {
						row[column] = value
					}
				}
			}
		}
		t.index(rnd, column)
	}
	return t
}

// index makes the zones and some postings of a column.
func (t *plainTable) index(rnd *rand.Rand, column string) {
	zones, postings := &[kinds][]Zone{}, map[Literal]*roaring.Bitmap{}
	for i, row := range t.rows {
		v, ok := row[column]
		if !ok {
			continue
		}
		if postings[v] == nil {
			postings[v] = roaring.New()
		}
		t.add(postings[v], i)
		if v.kind == Null {
			continue
		}
		if zones[v.kind] == nil {
			zones[v.kind] = make([]Zone, (len(t.rows)+t.blockRows-1)/t.blockRows)
		}
		zones[v.kind][i/t.blockRows].include(v)
	}
	for kind := range zones {
		for i := range zones[kind] {
			zones[kind][i].blur(rnd, uint32(t.repeat))
		}
	}
	for v := range postings {
		if rnd.IntN(2) == 0 || v.kind == Null {
			delete(postings, v)
		}
	}
	for range 5 { // that there is none of a value may be known, too
		if v := anyLiteral(rnd, String); zones[String] == nil {
			postings[v] = roaring.New()
		}
	}
	t.zones[column], t.postings[column] = zones, postings
}

func (z *Zone) include(v Literal) {
	z.Count++
	if v.isNaN() {
		z.NaNs++
		return
	}
	if order, _ := v.Compare(z.Min); z.Min.kind == Null || order < 0 {
		z.Min = v
	}
	if order, _ := v.Compare(z.Max); z.Max.kind == Null || order > 0 {
		z.Max = v
	}
}

// blur makes z say less, as a zone in a file may, of as many rows.
func (z *Zone) blur(rnd *rand.Rand, repeat uint32) {
	z.Count *= repeat
	z.NaNs *= repeat
	if n := rnd.IntN(4); n < len(z.Min.text) {
		z.Min.text = z.Min.text[:n]
	}
	if n := rnd.IntN(4); n <= len(z.Max.text) && (z.Max.kind == String || z.Max.kind == Bytes || z.Max.kind == JSON) {
		z.Max.text, z.Cut = z.Max.text[:n], true
	}
	if rnd.IntN(10) == 0 {
		z.Min = Literal{}
	}
	if rnd.IntN(10) == 0 {
		z.Max = Literal{}
	}
}

func randomPredicate(rnd *rand.Rand, depth int) Predicate {
	column := columns[rnd.IntN(len(columns))]
	if rnd.IntN(40) == 0 {
		column = "none"
	}
	kind := anyKind(rnd)
	n := 6
	if depth > 0 {
		n = 12
	}
	switch rnd.IntN(n) {
	case 0:
		return Eq{column, anyLiteral(rnd, kind)}
	case 1:
		values := make([]Literal, rnd.IntN(4))
		for i := range values {
			values[i] = anyLiteral(rnd, anyKind(rnd))
		}
		return In{column, values}
	case 2:
		p := Range{column, Bound{anyLiteral(rnd, kind), rnd.IntN(2) == 0}, Bound{anyLiteral(rnd, kind), rnd.IntN(2) == 0}}
		switch rnd.IntN(6) {
		case 0:
			p.Lo = Bound{}
		case 1:
			p.Hi = Bound{}
		case 2:
			p.Hi.Value = anyLiteral(rnd, anyKind(rnd))
		}
		return p
	case 3:
		return Prefix{column, anyLiteral(rnd, String).text}
	case 4:
		return IsNull{column}
	case 5:
		return Same{column, anyLiteral(rnd, kind)}
	case 6, 7:
		return Not{randomPredicate(rnd, depth-1)}
	}
	parts := make([]Predicate, rnd.IntN(4))
	for i := range parts {
		if rnd.IntN(20) > 0 {
			parts[i] = randomPredicate(rnd, depth-1)
		}
	}
	if rnd.IntN(2) == 0 {
		return And(parts)
	}
	return Or(parts)
}

// What Select says, on what it need not say, against every row tested.
func TestSelect_AgainstTest(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 300
	}
	sure, maybe, ruled := 0, 0, 0
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 4))
		tab := randomTable(rnd)
		for range 20 {
			p := randomPredicate(rnd, rnd.IntN(4))
			sel, err := Select(p, tab)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			compareSelection(t, seed, p, tab, &sel)
			compareStats(t, seed, p, tab, &sel)
			sure += sel.Stats.Sure.Rows
			maybe += sel.Stats.Maybe.Rows
			ruled += sel.Stats.Zones.Rows + sel.Stats.Postings.Rows
		}
	}
	// A Select that always says maybe would be right, too.
	if maybe > sure || maybe > ruled {
		t.Errorf("%d rows sure, %d ruled out, %d left to test: those should be fewest", sure, ruled, maybe)
	}
}

func compareSelection(t *testing.T, seed uint64, p Predicate, tab *plainTable, sel *Selection) {
	t.Helper()
	if (sel.Residue == nil) != sel.Maybe.IsEmpty() {
		t.Fatalf("seed %d: %v leaves %v to test on %v", seed, p, sel.Residue, sel.Maybe)
	}
	if sel.Sure.Intersects(sel.Maybe) {
		t.Fatalf("seed %d: %v is sure of %v and not of %v", seed, p, sel.Sure, sel.Maybe)
	}
	want, passed := roaring.New(), roaring.New()
	for i := range tab.rows {
		if test(p, tab.row(i)) == True {
			tab.add(want, i)
		}
		if sel.Residue != nil && sel.Residue.Test(tab.row(i)) == True {
			tab.add(passed, i)
		}
	}
	if got := roaring.Or(sel.Sure, roaring.And(sel.Maybe, passed)); !got.Equals(want) {
		t.Fatalf("seed %d: %v of %v, %d each, %d a block, are %v: got %s, sure %s, maybe %s by %v",
			seed, p, tab.rows, tab.repeat, tab.blockRows, ranges(want), ranges(got), ranges(sel.Sure), ranges(sel.Maybe), sel.Residue)
	}
}

func compareStats(t *testing.T, seed uint64, p Predicate, tab *plainTable, sel *Selection) {
	t.Helper()
	s := sel.Stats
	var all, sure, maybe Extent
	all.Rows, sure.Rows, maybe.Rows = int(tab.Rows()), int(sel.Sure.GetCardinality()), int(sel.Maybe.GetCardinality())
	ruled := 0 // blocks
	for from, rows := 0, all.Rows; from < rows; from += tab.BlockRows() {
		to := min(from+tab.BlockRows(), rows)
		block := roaring.New()
		block.AddRange(uint64(from), uint64(to))
		yes, open := sel.Sure.AndCardinality(block), sel.Maybe.AndCardinality(block)
		all.Blocks++
		sure.Blocks += int(truthOf(yes == uint64(to-from)) / True)
		maybe.Blocks += int(truthOf(open > 0) / True)
		ruled += int(truthOf(yes+open == 0) / True)
	}
	if s.All != all || s.Sure != sure || s.Maybe != maybe || s.Zones.Blocks+s.Postings.Blocks != ruled ||
		s.Zones.Rows+s.Postings.Rows != all.Rows-sure.Rows-maybe.Rows {
		t.Fatalf("seed %d: %v: stats %+v, want all %v, sure %v, maybe %v, %d blocks ruled out", seed, p, s, all, sure, maybe, ruled)
	}
	plain := *tab
	plain.postings = nil
	without, err := Select(p, &plain)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if z := without.Stats; z.Postings != (Extent{}) || z.Zones.Rows < s.Zones.Rows || z.Zones.Blocks < s.Zones.Blocks {
		t.Fatalf("seed %d: %v: zones rule out %+v, beside postings %+v", seed, p, z, s)
	}
}

// events is 5 blocks of 4 rows: at rises by one a row, type is "rare" in rows
// 2 and 9, temp is 10 a block, with nulls in the last.
func events() *plainTable {
	tab := &plainTable{repeat: 1, blockRows: 4, zones: map[string]*[kinds][]Zone{}, postings: map[string]map[Literal]*roaring.Bitmap{}}
	for i := range 20 {
		row := map[string]Literal{"at": Int64Of(int64(i)), "type": StringOf("often"), "temp": Float64Of(float64(i/4) * 10)}
		if i == 2 || i == 9 {
			row["type"] = StringOf("rare")
		}
		if i >= 18 {
			delete(row, "temp")
		}
		tab.rows = append(tab.rows, row)
	}
	at, kind, temp := &[kinds][]Zone{Int64: make([]Zone, 5)}, &[kinds][]Zone{String: make([]Zone, 5)}, &[kinds][]Zone{Float64: make([]Zone, 5)}
	for i, row := range tab.rows {
		at[Int64][i/4].include(row["at"])
		kind[String][i/4].include(row["type"])
		if v, ok := row["temp"]; ok {
			temp[Float64][i/4].include(v)
		}
	}
	tab.zones["at"], tab.zones["type"], tab.zones["temp"] = at, kind, temp
	tab.postings["type"] = map[Literal]*roaring.Bitmap{StringOf("rare"): roaring.BitmapOf(2, 9)}
	tab.postings["temp"] = map[Literal]*roaring.Bitmap{Int64Of(20): roaring.New()} // 20.0 is another value
	return tab
}

func TestSelect_Examples(t *testing.T) {
	rare, from6 := Eq{"type", StringOf("rare")}, Range{"at", Bound{Int64Of(6), false}, Bound{}}
	for _, c := range []struct {
		p           Predicate
		sure, maybe string
		residue     string
	}{
		{nil, "0-19", "", ""},
		{rare, "2,9", "", ""},
		{Not{rare}, "0-1,3-8,10-19", "", ""},
		{from6, "8-19", "4-7", "6 <= at"},
		{And{rare, from6}, "9", "", ""},
		{And{Eq{"type", StringOf("often")}, from6}, "12-19", "4-11", "type = \"often\" and 6 <= at"},
		{Or{rare, from6}, "2,8-19", "4-7", "6 <= at"},
		{Not{Or{rare, Not{from6}}}, "8,10-19", "4-7", "not not 6 <= at"},
		{Eq{"temp", Int64Of(20)}, "8-11", "", ""},
		{Not{Eq{"temp", Int64Of(20)}}, "0-7,12-15", "16-19", "not temp = 20"},
		{IsNull{"temp"}, "", "16-19", "temp is null"},
		{IsNull{"none"}, "0-19", "", ""},
		{And{Prefix{"type", "r"}, Range{"at", Bound{Int64Of(3), true}, Bound{Int64Of(7), false}}}, "", "", ""},
		{In{"temp", []Literal{Int64Of(0), Float64Of(30), StringOf("x")}}, "0-3,12-15", "", ""},
		{Same{"temp", Int64Of(20)}, "", "", ""},
		{Not{Same{"temp", Literal{}}}, "0-15", "16-19", "not temp is null"},
		{Not{Range{"at", Bound{StringOf("x"), false}, Bound{}}}, "0-19", "", ""},
		{Not{Prefix{"at", "x"}}, "0-19", "", ""},
	} {
		sel, err := Select(c.p, events())
		if err != nil {
			t.Fatal(err)
		}
		residue := ""
		if sel.Residue != nil {
			residue = sel.Residue.String()
		}
		if got := ranges(sel.Sure); got != c.sure {
			t.Errorf("%v is sure of %s, want %s", c.p, got, c.sure)
		}
		if got := ranges(sel.Maybe); got != c.maybe || residue != c.residue {
			t.Errorf("%v leaves %s to test for %s, want %s for %s", c.p, got, residue, c.maybe, c.residue)
		}
	}
}

func TestSelect_BitmapsAreTheCallers(t *testing.T) {
	source := events()
	bytes, err := roaring.BitmapOf(2, 9).ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := OpenBitmap(bytes)
	if err != nil {
		t.Fatal(err)
	}
	rare := StringOf("rare")
	for _, posting := range []*roaring.Bitmap{roaring.BitmapOf(2, 9), opened} {
		source.postings["type"][rare] = posting
		for _, p := range []Predicate{Eq{"type", rare}, Same{"type", rare}, And{nil, Eq{"type", rare}}, Not{Not{Or{Same{"type", rare}}}}} {
			sel, err := Select(p, source)
			if err != nil {
				t.Fatal(err)
			}
			sel.Sure.Flip(0, 20)
			if got := ranges(posting); got != "2,9" || ranges(sel.Maybe) != "" {
				t.Fatalf("%v: after a change to the selection the posting is %s, maybe %s", p, got, ranges(sel.Maybe))
			}
		}
	}
}

// ranges is b as "1-3,7".
func ranges(b *roaring.Bitmap) string {
	var parts []string
	for from, to := range b.Ranges() {
		if uint64(from)+1 == to {
			parts = append(parts, fmt.Sprint(from))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", from, to-1))
		}
	}
	return strings.Join(parts, ",")
}

// broken is a source that says what cannot be.
type broken struct {
	plainTable
	blocks int
	err    error
}

func (b *broken) BlockRows() int { return b.blocks }

func (b *broken) Zones(column string, kind Kind) ([]Zone, error) {
	if column == "unread" {
		return nil, b.err
	}
	return b.plainTable.Zones(column, kind)
}

func (b *broken) Posting(column string, value Literal) (*roaring.Bitmap, bool, error) {
	if column == "unposted" {
		return nil, false, b.err
	}
	return b.plainTable.Posting(column, value)
}

func TestSelect_BrokenSource(t *testing.T) {
	failure := errors.New("no such page")
	source := &broken{*events(), 4, failure}
	source.zones["at"][Int64] = source.zones["at"][Int64][:4]
	source.zones["temp"][Float64][1].Count = 5
	source.postings["type"][StringOf("rare")] = roaring.BitmapOf(20)
	one := Int64Of(1)
	for _, c := range []struct {
		p    Predicate
		want string
	}{
		{Eq{"at", one}, "column at has 4 zones for 5 blocks"},
		{IsNull{"temp"}, "5 values in 4 rows from 4 on"},
		{Same{"temp", Literal{}}, "5 values in 4 rows from 4 on"},
		{And{nil, Not{In{"type", []Literal{StringOf("rare")}}}}, `the posting of type "rare" has row 20 of 20`},
		{Or{Same{"type", StringOf("rare")}}, `the posting of type "rare" has row 20 of 20`},
		{Not{Range{"unread", Bound{one, false}, Bound{}}}, failure.Error()},
		{Same{"unposted", one}, failure.Error()},
		{Same{"unread", one}, failure.Error()},
		{Eq{"unposted", StringOf("x")}, failure.Error()},
	} {
		_, err := Select(c.p, source)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "select rows where ") {
			t.Errorf("%v: error %v, want %s", c.p, err, c.want)
		}
	}
	for _, n := range []int{0, -1} {
		source.blocks = n
		if _, err := Select(nil, source); err == nil {
			t.Errorf("blocks of %d rows are no error", n)
		}
	}
}
