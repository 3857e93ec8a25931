package aggregate

import (
	"strconv"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// TestNamed_ReadsWhatStringWrites: the text of every function names it again.
func TestNamed_ReadsWhatStringWrites(t *testing.T) {
	for _, c := range functions {
		if _, custom := c.f.(Custom); custom {
			continue
		}
		name, list, _ := strings.Cut(c.f.String(), "(")
		var args []segment.Value
		if c.f.String() == "count(*)" {
			name, list = "count(*)", ""
		}
		for arg := range strings.SplitSeq(strings.TrimSuffix(list, ")"), ", ") {
			switch {
			case arg == "":
			case strings.HasSuffix(arg, "s"):
				args = append(args, segment.StringOf(arg))
			case strings.Contains(arg, "."):
				args = append(args, segment.Float64Of(parseFloat(t, arg)))
			default:
				args = append(args, segment.Int64Of(int64(parseFloat(t, arg))))
			}
		}
		f, err := Named(name, args...)
		if err != nil || f.String() != c.f.String() {
			t.Errorf("%s reads as %v, %v", c.f, f, err)
		}
	}
}

func TestNamed_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		args []segment.Value
		want string
	}{
		{"medium", nil, "there are"},
		{"sum", []segment.Value{segment.Int64Of(1)}, "too many"},
		{"quantile", nil, "share"},
		{"quantile", []segment.Value{segment.Float64Of(1.5)}, "0 to 1"},
		{"quantile", []segment.Value{segment.StringOf("x")}, "not string"},
		{"top_k", []segment.Value{segment.Float64Of(3)}, "integer"},
		{"live_time", nil, "duration"},
		{"live_time", []segment.Value{segment.StringOf("soon")}, "no duration"},
		{"time_avg", []segment.Value{segment.Int64Of(-1)}, "duration"},
	} {
		if f, err := Named(c.name, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%v: %v, %v; not %q", c.name, c.args, f, err, c.want)
		}
	}
	if f, err := Named("SUM"); err != nil || f != (Sum{}) {
		t.Errorf("SUM: %v, %v", f, err)
	}
}

func parseFloat(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
