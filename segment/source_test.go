package segment

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/index"
)

// byPosition is the rows of a cursor one by one.
func byPosition(c *PositionCursor) iter.Seq2[*SealedRow, error] {
	return func(yield func(*SealedRow, error) bool) {
		for c.At() <= c.to {
			rows, err := c.Next()
			for i := range rows {
				if !yield(&rows[i], nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func TestValue_KindsOfLiterals(t *testing.T) {
	values := []Value{NullOf(), BoolOf(true), Int64Of(-3), Float64Of(math.NaN()), StringOf("a"), BytesOf([]byte{1}),
		TimeOf(time.Unix(5, 6)), JSONOf(json.RawMessage("[1]"))}
	for i, v := range values {
		l := v.Literal()
		if int(v.Kind()) != i || int(l.Kind()) != i || l.Kind().String() != v.Kind().String() {
			t.Errorf("%s: kind %d is literal %s of kind %d", v.Kind(), v.Kind(), l, l.Kind())
		}
		if l.Text() != v.text || i != int(Float64Value) && uint64(l.Int64()) != v.bits || math.Float64bits(l.Float64()) != math.Float64bits(v.Float64()) {
			t.Errorf("%s is literal %s", v, l)
		}
	}
	if int(invalidValue) != len(values) {
		t.Errorf("%d kinds of value, %d are here", invalidValue, len(values))
	}
}

// No field has the name of one of the other columns, and none that cannot be stored
// is taken for one.
func TestField_SameOfWhatCannotBeStored(t *testing.T) {
	for _, name := range []string{ColumnStream, ColumnKey, ColumnSeq, ColumnTime, ColumnVersion, ColumnKind, ColumnType, ColumnID, ""} {
		f := String(name, "made")
		if err := (Fields{f}).check(); err == nil {
			t.Errorf("a field can have the name %q", name)
		}
		if p := f.Same(); p.String() != (index.Or{}).String() {
			t.Errorf("field %q: %s", name, p)
		}
	}
	if f := Time("t", time.Time{}); f.Same().String() != (index.Or{}).String() {
		t.Errorf("a value that cannot be stored: %s", f.Same())
	}
}

// row is what predicates see of the event.
func (e *modelEvent) row() index.Row {
	return func(column string) (index.Literal, bool) {
		switch column {
		case ColumnStream:
			return index.StringOf(e.Stream), true
		case ColumnKey:
			return index.StringOf(e.Key), true
		case ColumnSeq:
			return index.Int64Of(int64(e.seq)), true
		case ColumnTime:
			return index.TimeOf(e.time), true
		case ColumnVersion:
			return index.Int64Of(int64(e.version)), true
		case ColumnKind:
			if e.unchanged {
				return index.Int64Of(int64(Heartbeat)), true
			}
			return index.Int64Of(int64(e.Kind)), true
		case ColumnType:
			return index.StringOf(e.Type), true
		case ColumnID:
			if e.ID == "" {
				return index.Literal{}, false
			}
			return index.StringOf(e.ID), true
		}
		v, ok := e.Fields.Get(column)
		return v.Literal(), ok
	}
}

// drawLiteral is a value of the column, as some event has it, or another one.
func (m *sealModel) drawLiteral(rnd *rand.Rand, column string) index.Literal {
	for range 30 {
		if v, ok := m.events[rnd.IntN(len(m.events))].row()(column); ok {
			return v
		}
	}
	return []index.Literal{{}, index.StringOf(""), index.Float64Of(math.NaN()), index.Int64Of(7), index.StringOf("text")}[rnd.IntN(5)]
}

func (m *sealModel) drawPredicate(rnd *rand.Rand, depth int) index.Predicate {
	columns := []string{ColumnStream, ColumnKey, ColumnSeq, ColumnTime, ColumnVersion, ColumnKind, ColumnType, ColumnID,
		"value", "count", "status", "note", "ok", "raw", "at", "doc", "rare3", "rare7", "none"}
	column := columns[rnd.IntN(len(columns))]
	v := m.drawLiteral(rnd, column)
	n := 6
	if depth > 0 {
		n = 11
	}
	switch rnd.IntN(n) {
	case 0:
		return index.Eq{Column: column, Value: v}
	case 1:
		return index.In{Column: column, Values: []index.Literal{v, m.drawLiteral(rnd, column), m.drawLiteral(rnd, columns[rnd.IntN(len(columns))])}}
	case 2:
		p := index.Range{Column: column, Lo: index.Bound{Value: v, Open: rnd.IntN(2) == 0}, Hi: index.Bound{Value: m.drawLiteral(rnd, column)}}
		if rnd.IntN(3) == 0 {
			p.Hi = index.Bound{}
		}
		return p
	case 3:
		return index.Prefix{Column: column, Prefix: v.Text()[:min(len(v.Text()), rnd.IntN(7))]}
	case 4:
		return index.IsNull{Column: column}
	case 5:
		return index.Same{Column: column, Value: v}
	case 6:
		return index.Not{Of: m.drawPredicate(rnd, depth-1)}
	case 7:
		return index.Not{Of: index.And{m.drawPredicate(rnd, depth-1), nil, m.drawPredicate(rnd, depth-1)}}
	case 8, 9:
		return index.And{m.drawPredicate(rnd, depth-1), m.drawPredicate(rnd, depth-1)}
	}
	return index.Or{m.drawPredicate(rnd, depth-1), m.drawPredicate(rnd, depth-1), m.drawPredicate(rnd, depth-1)}
}

// checkSelect holds what p selects of s against the test of each event.
func (m *sealModel) checkSelect(t *testing.T, rnd *rand.Rand, s *Sealed, p index.Predicate) *Selected {
	t.Helper()
	sel, err := s.Select(p)
	if err != nil {
		t.Fatalf("select where %s: %v", p, err)
	}
	rows, err := sel.Rows()
	if err != nil {
		t.Fatalf("rows where %s: %v", p, err)
	}
	var want []uint32
	var seqs []uint64
	for i, e := range m.sorted(s.info.First, s.info.Last) {
		if p.Test(e.row()) == index.True {
			want, seqs = append(want, uint32(i)), append(seqs, e.seq)
		}
	}
	if got := rows.ToArray(); !slices.Equal(got, want) {
		t.Fatalf("%s where %s: %d rows %.100s, want %d %.100s", s.Path, p, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
	}
	if all := sel.Stats.All.Rows; all != sel.Stats.Zones.Rows+sel.Stats.Postings.Rows+sel.Stats.Sure.Rows+sel.Stats.Maybe.Rows || all != int(s.info.Rows) {
		t.Errorf("where %s: the rows do not add up: %+v", p, sel.Stats)
	}
	from := s.info.First + rnd.Uint64N(s.info.Rows)
	to := from + rnd.Uint64N(s.info.Rows)
	if rnd.IntN(2) == 0 {
		from, to = 0, math.MaxUint64
	}
	slices.Sort(seqs)
	seqs = slices.DeleteFunc(seqs, func(seq uint64) bool { return seq < from || seq > to })
	c := sel.ByPosition(from, to)
	for r, err := range byPosition(c) {
		if err != nil || len(seqs) == 0 || r.Seq != seqs[0] {
			t.Fatalf("%s by position from %d to %d where %s: %v, %v, want %v", s.Path, from, to, p, r, err, seqs[:min(1, len(seqs))])
		}
		checkRow(t, "selected in "+s.Path, r, &m.events[r.Seq-1])
		seqs = seqs[1:]
	}
	if len(seqs) > 0 {
		t.Fatalf("%s by position from %d to %d where %s ends before %d", s.Path, from, to, p, seqs[0])
	}
	return sel
}

// Files as sealed and merged, of one block and of several, answer every predicate
// as a test of each event does.
func TestSealed_SelectAsTestsSay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for _, size := range []struct{ n, keys, tests int }{{1, 1, 100}, {300, 5, 300}, {9000, 700, 80}} {
		m := newSealModel(rnd, size.n, size.keys)
		w := Work{FS: OS, Dir: t.TempDir()}
		half := (len(m.batches) + 1) / 2
		files := []*Sealed{m.seal(t, w, 0, half)}
		if half < len(m.batches) {
			files = append(files, m.seal(t, w, half, len(m.batches)))
			path, bytes, err := Merge(w, files)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, openModel(t, w, path, bytes))
		}
		for i := range size.tests {
			m.checkSelect(t, rnd, files[i%len(files)], m.drawPredicate(rnd, 2))
		}
	}
}

// Statistics and bitmaps are used: little is left to be looked at.
func TestSealed_SelectSkips(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	m := newSealModel(rnd, 30_000, 3000)
	for i := range m.events {
		if m.events[i].Type = "usual"; i%5000 == 77 {
			m.events[i].Type = "seldom"
		}
	}
	s := m.seal(t, Work{FS: OS, Dir: t.TempDir()}, 0, len(m.batches))
	for _, c := range []struct {
		p         index.Predicate
		maybe, at int // rows left, at most, and rows selected, at least
	}{
		{index.Eq{Column: ColumnType, Value: index.StringOf("seldom")}, 0, 6},
		{index.Eq{Column: ColumnType, Value: index.StringOf("no such")}, 0, 0},
		{index.Eq{Column: ColumnStream, Value: index.StringOf("prices")}, 0, 1000},
		{index.Eq{Column: ColumnKey, Value: index.StringOf("key-77")}, 0, 1},
		{index.Prefix{Column: ColumnKey, Prefix: "key-2"}, 6 * blockRows, 1000},
		{index.Range{Column: ColumnSeq, Lo: index.Bound{Value: index.Int64Of(40_000)}}, 0, 0},
	} {
		sel := m.checkSelect(t, rnd, s, c.p)
		rows, err := sel.Rows()
		if err != nil {
			t.Fatal(err)
		}
		if sel.Stats.Maybe.Rows > c.maybe || rows.GetCardinality() < uint64(c.at) {
			t.Errorf("where %s: %+v, %d rows", c.p, sel.Stats, rows.GetCardinality())
		}
	}
}

// However wide the windows were before, each has as many rows as there is room
// for, and all rows are given.
func TestPositionCursor_Widths(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	m := newSealModel(rnd, 60_000, 50)
	s := m.seal(t, Work{FS: OS, Dir: t.TempDir()}, 0, len(m.batches))
	some := index.Range{Column: ColumnSeq, Lo: index.Bound{Value: index.Int64Of(20_000)}, Hi: index.Bound{Value: index.Int64Of(50_000)}}
	sel, err := s.Select(some)
	if err != nil {
		t.Fatal(err)
	}
	for shift := 0; shift <= widest; shift += 2 {
		for _, found := range []int{0, windowRows * windowCount} {
			c := sel.ByPosition(0, math.MaxUint64)
			c.shift, c.found = shift, found
			next, windows := uint64(20_000), 0
			for ; c.At() <= c.to; windows++ {
				rows, err := c.Next()
				if err != nil || len(rows) > windowRows {
					t.Fatalf("shift %d: %d rows, %v", shift, len(rows), err)
				}
				for i := range rows {
					checkRow(t, "by position", &rows[i], &m.events[next-1])
					next++
				}
			}
			if next != 50_001 || windows < 2 {
				t.Fatalf("shift %d: ends before %d after %d windows", shift, next, windows)
			}
		}
	}
}

// A damaged column is an error of what needs it, and of nothing else.
func TestSealed_SelectOfDamaged(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(6, 6)), 500, 10)
	w := Work{FS: OS, Dir: t.TempDir()}
	good := m.seal(t, w, 0, len(m.batches))
	d, err := good.opened()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(good.Path)
	if err != nil {
		t.Fatal(err)
	}
	b[d.places[d.slot(&d.tables[rowTable], 0, colType)].offset+5] ^= 1
	s, err := OpenSealed(memFS{file: &memFile{b: b}}, good.Path, NewCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []index.Predicate{
		index.Prefix{Column: ColumnType, Prefix: "m"},
		index.Prefix{Column: ColumnKey, Prefix: "key-1"},
	} {
		sel, err := s.Select(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sel.Rows()
		if damaged := strings.Contains(p.String(), "type"); (err != nil) != damaged || err != nil && onlyCorrupt(err) != nil {
			t.Errorf("rows where %s: %v", p, err)
		}
	}
}
