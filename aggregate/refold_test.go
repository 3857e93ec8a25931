package aggregate

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// asked is a source without events that notes what it is asked for.
type asked struct{ where index.Predicate }

func (a *asked) ScanColumns(_ context.Context, q Scan, _ func(int, *segment.Batch) error) error {
	a.where = q.Where
	return nil
}

// oddValues are those that groups and predicates may tell apart differently.
var oddValues = []segment.Value{
	segment.NullOf(), segment.BoolOf(true), segment.BoolOf(false), segment.Int64Of(0), segment.Int64Of(1), segment.Int64Of(1<<53 + 1),
	segment.Float64Of(0), segment.Float64Of(math.Copysign(0, -1)), segment.Float64Of(1), segment.Float64Of(1 << 53), segment.Float64Of(math.Inf(-1)),
	segment.Float64Of(math.NaN()), segment.Float64Of(math.Float64frombits(0x7ff8000000000123)),
	segment.StringOf(""), segment.StringOf("1"), segment.StringOf("null"), segment.FromText(segment.BytesValue, "1"), segment.FromText(segment.JSONValue, "1"),
	segment.FromInt(segment.TimeValue, 0), segment.FromInt(segment.TimeValue, 1),
}

// TestPlan_RefoldAsksForGroups: what is asked for to compute a cell anew is every event of
// its group, whatever its value, and not of most others.
func TestPlan_RefoldAsksForGroups(t *testing.T) {
	p, err := NewPlan(Definition{Name: "a", Stream: "s", By: []Input{Field("x"), Key()}, Window: Tumbling{Size: 10},
		Measures: []Measure{{Name: "n", Function: Count{Rows: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	others, left := 0, 0
	for _, v := range oddValues {
		c := p.Cells()
		c.find(Span{10, 20}, c.groupOf([]segment.Value{v, segment.StringOf("k")}))
		var src asked
		if _, err := p.Refold(context.Background(), &src, [][]byte{c.AppendKey(nil, 0)}, []Span{{10, 20}}); err != nil {
			t.Fatal(err)
		}
		for _, w := range oddValues {
			for _, key := range []string{"k", "other"} {
				same := key == "k" && c.groupOf([]segment.Value{w, segment.StringOf(key)}) == c.list[0].group
				truth := src.where.Test(func(column string) (index.Literal, bool) {
					switch column {
					case segment.ColumnKind:
						return index.Int64Of(int64(segment.Change)), true
					case segment.ColumnTime:
						return index.TimeOf(15), true
					case segment.ColumnKey:
						return index.StringOf(key), true
					}
					return w.Literal(), !w.IsNull()
				})
				switch {
				case same && truth != index.True:
					t.Errorf("group %v: %s is %s of its event with %v", v, src.where, truth, w)
				case !same && truth != index.True:
					left++
				case !same:
					others++
				}
			}
		}
	}
	if others*4 > left {
		t.Errorf("of events of other groups %d are asked for, %d are not", others, left)
	}
}

// TestPlan_RefoldOfMany: inputs of too many values, and what is no column, are not asked
// for by name.
func TestPlan_RefoldOfMany(t *testing.T) {
	p, err := NewPlan(Definition{Name: "a", Stream: "s", By: []Input{Key(), Type(), {Column: segment.ColumnTime}},
		Measures: []Measure{{Name: "n", Function: Count{Rows: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Cells()
	var keys [][]byte
	for i := range namedMost + 1 {
		group := []segment.Value{segment.StringOf(fmt.Sprint(i)), segment.StringOf("t"), segment.FromInt(segment.TimeValue, 5)}
		keys = append(keys, c.AppendKey(nil, int(c.find(allTime, c.groupOf(group)))))
	}
	for _, n := range []int{namedMost, namedMost + 1} {
		where, err := p.ofGroups(keys[:n])
		if err != nil {
			t.Fatal(err)
		}
		if len(where) != 1+namedMost/n {
			t.Errorf("of %d keys %s is asked for", n, where)
		}
	}
	if _, err := p.ofGroups([][]byte{keys[0][:len(keys[0])-1]}); err == nil {
		t.Error("a cut key is no error")
	}
}
