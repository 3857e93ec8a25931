package aggregate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(z *time.Location, y, m, d, hour, minute int) int64 {
	return time.Date(y, time.Month(m), d, hour, minute, 0, 0, z).UnixNano()
}

func TestTumbling_BeforeZeroAndAtTheEnds(t *testing.T) {
	w := Tumbling{Size: 10, Offset: 3}
	for _, c := range []struct{ at, start, end int64 }{
		{3, 3, 13}, {2, -7, 3}, {-7, -7, 3}, {-8, -17, -7},
		{math.MaxInt64, math.MaxInt64 - 4, math.MaxInt64}, // 2^63 − 1 − 3 ends with 4
		{math.MinInt64, math.MinInt64, math.MinInt64 + 1}, // −2^63 − 3 ends with 1 before a multiple
	} {
		if got := w.At(c.at); got != (Span{c.start, c.end}) || !got.Has(c.at) {
			t.Errorf("%s holds %d in %d to %d, not %d to %d", w, c.at, got.Start, got.End, c.start, c.end)
		}
	}
	huge := Tumbling{Size: math.MaxInt64}
	if got := huge.At(-1); got != (Span{-math.MaxInt64, 0}) {
		t.Errorf("%d to %d", got.Start, got.End)
	}
}

// TestFixed_EveryWindowHoldsItsTime draws times of all ages, and the ends of time.
func TestFixed_EveryWindowHoldsItsTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 20000 {
		at := pick(r, []int64{int64(r.Uint64()), math.MaxInt64 - r.Int64N(1000), math.MinInt64 + r.Int64N(1000), r.Int64N(2000) - 1000})
		slide := 1 + r.Int64N(pick(r, []int64{20, math.MaxInt64 - 1}))
		for _, w := range []Fixed{
			Tumbling{time.Duration(slide), time.Duration(r.Int64N(slide))},
			Hopping{time.Duration(1 + r.Int64N(min(slide, math.MaxInt64/4)*3)), time.Duration(slide), time.Duration(-r.Int64N(slide))},
			Global{},
		} {
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
			spans := w.Assign(nil, at)
			if _, hops := w.(Hopping); !hops && len(spans) != 1 {
				t.Fatalf("%s holds %d in %d windows", w, at, len(spans))
			}
			for i, s := range spans {
				if !s.Has(at) || i > 0 && spans[i-1].Start < s.Start {
					t.Fatalf("%s holds %d in %d to %d, of %d", w, at, s.Start, s.End, len(spans))
				}
			}
		}
	}
}

func TestHopping_EqualsBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 2000 {
		w := Hopping{time.Duration(1 + r.Int64N(30)), time.Duration(1 + r.Int64N(12)), 0}
		w.Offset = time.Duration(r.Int64N(2*int64(w.Slide)-1) - int64(w.Slide) + 1)
		at := r.Int64N(200) - 100
		var want []Span
		for k := int64(200); k >= -200; k-- {
			if start := int64(w.Offset) + k*int64(w.Slide); start <= at && at < start+int64(w.Size) {
				want = append(want, Span{start, start + int64(w.Size)})
			}
		}
		if got := w.Assign(nil, at); !slices.Equal(got, want) {
			t.Fatalf("%s of %d: %v, not %v", w, at, got, want)
		}
		rows, spans := w.AssignAll([]int64{at, at}, nil, nil)
		if !slices.Equal(spans, append(slices.Clone(want), want...)) || len(rows) != len(spans) {
			t.Fatalf("%s of %d twice: %v of rows %v", w, at, spans, rows)
		}
	}
}

func TestCalendar_DaysOfChangedClocks(t *testing.T) {
	for _, c := range []struct {
		zone    string
		y, m, d int
		start   string // UTC
		hours   float64
	}{
		{"Europe/Berlin", 2024, 3, 31, "2024-03-30T23:00:00Z", 23},
		{"Europe/Berlin", 2024, 10, 27, "2024-10-26T22:00:00Z", 25},
		{"America/New_York", 2024, 3, 10, "2024-03-10T05:00:00Z", 23},
		{"America/New_York", 1967, 4, 30, "1967-04-30T05:00:00Z", 23},
		{"America/Sao_Paulo", 2018, 11, 4, "2018-11-04T03:00:00Z", 23},    // midnight is skipped
		{"America/Sao_Paulo", 2018, 2, 17, "2018-02-17T02:00:00Z", 25},    // 23:00 comes twice
		{"America/Havana", 2023, 11, 5, "2023-11-05T04:00:00Z", 25},       // midnight comes twice
		{"America/Goose_Bay", 2010, 11, 7, "2010-11-07T03:00:00Z", 25},    // 00:01 back to 23:01
		{"Australia/Lord_Howe", 2024, 4, 7, "2024-04-06T13:00:00Z", 24.5}, // half an hour
		{"Pacific/Apia", 2011, 12, 31, "2011-12-30T10:00:00Z", 24},        // the day after one that was not
		{"Asia/Kathmandu", 1986, 1, 1, "1985-12-31T18:30:00Z", 23.75},
		{"Africa/Monrovia", 1972, 1, 7, "1972-01-07T00:44:30Z", 23 + 15.0/60 + 30.0/3600},
	} {
		w := Calendar{Unit: Day, Zone: zone(t, c.zone)}
		s := w.At(date(w.Zone, c.y, c.m, c.d, 12, 0))
		if got := time.Unix(0, s.Start).UTC().Format(time.RFC3339); got != c.start || float64(s.End-s.Start)/float64(time.Hour) != c.hours {
			t.Errorf("%s, %d-%d-%d: %s, %s long; not %s, %v h", c.zone, c.y, c.m, c.d, s, time.Duration(s.End-s.Start), c.start, c.hours)
		}
	}
}

func TestCalendar_Units(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		w          Calendar
		at         int64
		start, end int64
	}{
		{Calendar{Unit: Week}, date(time.UTC, 2021, 1, 3, 23, 0), date(time.UTC, 2020, 12, 28, 0, 0), date(time.UTC, 2021, 1, 4, 0, 0)},
		{Calendar{Unit: Week, Zone: berlin}, date(berlin, 2024, 3, 31, 23, 59), date(berlin, 2024, 3, 25, 0, 0), date(berlin, 2024, 4, 1, 0, 0)},
		{Calendar{Unit: Month, Zone: berlin}, date(berlin, 2024, 2, 29, 23, 59), date(berlin, 2024, 2, 1, 0, 0), date(berlin, 2024, 3, 1, 0, 0)},
		{Calendar{Unit: Quarter}, date(time.UTC, 1969, 12, 31, 0, 0), date(time.UTC, 1969, 10, 1, 0, 0), date(time.UTC, 1970, 1, 1, 0, 0)},
		{Calendar{Unit: Year}, date(time.UTC, 1700, 2, 28, 0, 0), date(time.UTC, 1700, 1, 1, 0, 0), date(time.UTC, 1701, 1, 1, 0, 0)},
		{Calendar{Unit: Month, Origin: Date{2024, 1, 31}}, date(time.UTC, 2023, 3, 1, 0, 0), date(time.UTC, 2023, 2, 28, 0, 0), date(time.UTC, 2023, 3, 31, 0, 0)},
		{Calendar{Unit: Day, N: 3}, date(time.UTC, 1969, 12, 31, 0, 0), date(time.UTC, 1969, 12, 29, 0, 0), date(time.UTC, 1970, 1, 1, 0, 0)},
		{Calendar{Unit: Year}, math.MaxInt64, date(time.UTC, 2262, 1, 1, 0, 0), math.MaxInt64},
		{Calendar{Unit: Year}, math.MinInt64, math.MinInt64, date(time.UTC, 1678, 1, 1, 0, 0)},
		{Calendar{Unit: Day, Zone: berlin}, math.MaxInt64, date(berlin, 2262, 4, 12, 0, 0), math.MaxInt64},
		{Calendar{Unit: Year, N: 1000}, 0, 0, math.MaxInt64},
	} {
		if err := c.w.Check(); err != nil {
			t.Fatal(err)
		}
		if got := c.w.At(c.at); got != (Span{c.start, c.end}) {
			t.Errorf("%s at %d: %s, not %s", c.w, c.at, got, Span{c.start, c.end})
		}
	}
}

// zones have midnights that are skipped, shown twice, or a whole day missing.
var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/Goose_Bay",
	"Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "Africa/Monrovia", "Asia/Tehran", "Pacific/Kiritimati"}

// drawCalendar is a random calendar window.
func drawCalendar(r *rand.Rand, t testing.TB) Calendar {
	w := Calendar{Unit: Unit(r.IntN(5)), N: pick(r, []int{0, 1, 1, 2, 3, 7}), Zone: zone(t, pick(r, zones))}
	if r.IntN(2) == 0 {
		w.Origin = Date{1900 + r.IntN(200), 1 + r.IntN(12), 1 + r.IntN(28)}
	}
	return w
}

// drawTime is a random time, often near a change of the clocks.
func drawTime(r *rand.Rand, z *time.Location) int64 {
	at := time.Unix(0, int64(r.Uint64()>>1)-1<<62).In(z)
	if r.IntN(4) > 0 {
		at = time.Unix(r.Int64N(6e9)-3e9, 0).In(z)
	}
	if _, end := at.ZoneBounds(); !end.IsZero() && r.IntN(2) == 0 {
		at = end.Add(time.Duration(r.Int64N(int64(8*time.Hour))) - 4*time.Hour)
	}
	return at.UnixNano()
}

// TestCalendar_WindowsLieSideBySide holds every window to hold its time, to begin
// where the one before ends, to begin at midnight or at a change of the clocks,
// and to be found for its first and its last nanosecond.
func TestCalendar_WindowsLieSideBySide(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 9))
	for range 20000 {
		w := drawCalendar(r, t)
		at := drawTime(r, w.Zone)
		s := w.At(at)
		if !s.Has(at) {
			t.Fatalf("%s at %d is %s", w, at, s)
		}
		if s.Start == math.MinInt64 || s.End == math.MaxInt64 {
			continue
		}
		if a, b := w.At(s.Start), w.At(s.End-1); a != s || b != s {
			t.Fatalf("%s: of %s the first is in %s, the last in %s", w, s, a, b)
		}
		if last := w.At(s.Start - 1); last.End != s.Start {
			t.Fatalf("%s: %s before %s", w, last, s)
		}
		first := time.Unix(0, s.Start).In(w.Zone)
		_, offset := first.Zone()
		_, before := first.Add(-1).Zone()
		if h, m, sec := first.Clock(); (h|m|sec) != 0 && offset == before {
			t.Fatalf("%s begins at %s", w, first)
		}
	}
}

func TestAligned_StarterEqualsAt(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 10))
		cal := drawCalendar(r, t)
		for _, w := range []Aligned{cal, Tumbling{time.Hour, time.Minute}, Global{}} {
			fill := w.Starter()
			base := drawTime(r, cal.Zone)
			for range 5 {
				times, dst := make([]int64, 200), make([]int64, 200)
				for i := range times {
					times[i] = add(base, r.Int64N(pick(r, []int64{int64(time.Hour), int64(1e16), int64(1e18)})))
					if r.IntN(20) == 0 {
						times[i] = drawTime(r, cal.Zone)
					}
					if r.IntN(100) == 0 {
						times[i] = pick(r, []int64{math.MinInt64, math.MaxInt64})
					}
				}
				fill(dst, times)
				for i, at := range times {
					if want := w.At(at).Start; dst[i] != want {
						t.Fatalf("seed %d: %s at %d begins at %d, not %d", seed, w, at, dst[i], want)
					}
				}
			}
		}
	}
}

func TestCoarseFromFine_Cases(t *testing.T) {
	berlin, kathmandu := zone(t, "Europe/Berlin"), zone(t, "Asia/Kathmandu")
	since := Span{date(time.UTC, 1990, 1, 1, 0, 0), date(time.UTC, 2030, 1, 1, 0, 0)}
	ever := Span{math.MinInt64, math.MaxInt64}
	in := func(u Unit, n int, z *time.Location) Calendar { return Calendar{Unit: u, N: n, Zone: z} }
	for _, c := range []struct {
		coarse, fine Fixed
		over         Span
		want         bool
	}{
		{in(Month, 1, berlin), in(Day, 1, berlin), ever, true},
		{in(Month, 1, berlin), in(Week, 1, berlin), ever, false},
		{in(Year, 1, berlin), in(Quarter, 1, berlin), ever, true},
		{in(Quarter, 1, berlin), in(Month, 2, berlin), ever, false},
		{in(Year, 1, nil), in(Month, 2, nil), ever, true},
		{in(Week, 2, nil), in(Week, 1, nil), ever, true},
		{in(Week, 1, nil), in(Week, 2, nil), ever, false},
		{in(Month, 1, berlin), in(Day, 1, nil), ever, false},
		{in(Day, 1, berlin), Tumbling{Size: 15 * time.Minute}, since, true},
		{in(Day, 1, berlin), Tumbling{Size: 15 * time.Minute}, ever, false}, // before 1893 by the sun
		{in(Day, 1, kathmandu), Tumbling{Size: 15 * time.Minute}, since, true},
		{in(Day, 1, kathmandu), Tumbling{Size: 30 * time.Minute}, since, false},
		{in(Year, 1, berlin), Tumbling{Size: time.Hour}, since, true},
		{in(Day, 1, zone(t, "America/Goose_Bay")), Tumbling{Size: 15 * time.Minute}, since, false}, // clocks change at 00:01
		{in(Day, 1, zone(t, "America/Goose_Bay")), Tumbling{Size: time.Minute}, since, true},
		{in(Day, 1, berlin), Tumbling{Size: 7 * time.Hour}, since, false},
		{in(Month, 1, nil), Tumbling{Size: 24 * time.Hour}, ever, true},
		{Tumbling{Size: time.Hour}, Tumbling{Size: time.Minute}, ever, true},
		{Tumbling{Size: time.Hour, Offset: time.Second}, Tumbling{Size: time.Minute}, ever, false},
		{Hopping{time.Hour, time.Minute, 0}, Tumbling{Size: time.Minute}, ever, true},
		{Hopping{time.Hour, time.Minute, 0}, Tumbling{Size: time.Hour}, ever, false},
		{Tumbling{Size: 7 * 24 * time.Hour}, in(Day, 1, nil), ever, true},
		{Global{}, in(Week, 1, nil), ever, true},
		{in(Day, 1, nil), Global{}, ever, false},
	} {
		if got := CoarseFromFine(c.coarse, c.fine, c.over); got != c.want {
			t.Errorf("%s from %s: %t", c.coarse, c.fine, got)
		}
	}
}

// TestCoarseFromFine_IsNeverWrong checks boundaries where it says yes.
func TestCoarseFromFine_IsNeverWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 9))
	said := 0
	for range 6000 {
		draw := func() Fixed {
			if r.IntN(2) == 0 {
				size := pick(r, []time.Duration{time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour})
				return Tumbling{size, time.Duration(r.IntN(2)) * size / 2}
			}
			w := drawCalendar(r, t)
			w.Zone = zone(t, pick(r, zones[:3]))
			return w
		}
		coarse, fine := draw(), draw()
		over := Span{date(time.UTC, 1990, 1, 1, 0, 0), date(time.UTC, 2030, 1, 1, 0, 0)}
		if !CoarseFromFine(coarse, fine, over) {
			continue
		}
		said++
		for range 20 {
			at := over.Start + r.Int64N(over.End-over.Start)
			s := coarse.Assign(nil, at)[0]
			if got := fine.Assign(nil, s.Start)[0]; got.Start != s.Start && s.Start >= over.Start {
				t.Fatalf("%s from %s: %s begins inside of %s", coarse, fine, s, got)
			}
		}
	}
	if said < 100 {
		t.Errorf("only %d pairs were tried", said)
	}
}

func TestWindow_InvalidSettings(t *testing.T) {
	for _, w := range []Window{
		Tumbling{}, Tumbling{-1, 0}, Tumbling{10, 10}, Hopping{0, 1, 0}, Hopping{1, 0, 0}, Hopping{1, 5, -5},
		Session{}, Session{-1}, Sliding{}, Counted{}, Counted{-1}, Calendar{Unit: 9}, Calendar{N: -1},
		Calendar{Origin: Date{2023, 2, 29}}, Calendar{Origin: Date{2023, 13, 1}}, Calendar{Origin: Date{20000, 1, 1}},
	} {
		if err := w.Check(); !errors.Is(err, ErrWindow) {
			t.Errorf("%s: %v", w, err)
		}
	}
}

func TestSliding_HoldsWhatIsNotOlder(t *testing.T) {
	w := Sliding{10}
	if s := w.At(100); s != (Span{91, 101}) {
		t.Errorf("%d to %d", s.Start, s.End)
	}
	if s := w.At(math.MinInt64); s.Start != math.MinInt64 || !s.Has(math.MinInt64) {
		t.Errorf("%d to %d", s.Start, s.End)
	}
	if n := (Counted{3}).At(8); n != 2 {
		t.Errorf("event 8 is in window %d", n)
	}
}

func TestSessions_EqualSplittingAnew(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 11))
		s := Sessions{Window: Session{time.Duration(1 + r.Int64N(10))}}
		var times []int64
		shown := map[Span]bool{}
		for range 100 {
			at := pick(r, []int64{r.Int64N(200) - 100, math.MaxInt64 - r.Int64N(20), math.MinInt64 + r.Int64N(20)})
			var change SessionChange
			if len(times) > 0 && r.IntN(3) == 0 {
				i := r.IntN(len(times))
				ok := false
				if change, ok = s.Remove(times[i]); !ok {
					t.Fatalf("seed %d: %d is not there", seed, times[i])
				}
				times = slices.Delete(times, i, i+1)
			} else {
				change = s.Add(at)
				times = append(times, at)
			}
			for _, span := range change.Before {
				if !shown[span] {
					t.Fatalf("seed %d: %v was withdrawn and never shown", seed, span)
				}
				delete(shown, span)
			}
			for _, span := range change.After {
				if shown[span] {
					t.Fatalf("seed %d: %v was shown twice", seed, span)
				}
				shown[span] = true
			}
			var alone []Span
			for _, at := range times {
				alone = append(alone, s.Window.At(at))
			}
			want := s.Window.Merge(alone)
			if got := s.All(); fmt.Sprint(got) != fmt.Sprint(want) || len(shown) != len(want) {
				t.Fatalf("seed %d: sessions %v, not %v; shown %v", seed, got, want, shown)
			}
			for _, span := range want {
				if !shown[span] {
					t.Fatalf("seed %d: %v is not shown", seed, span)
				}
			}
		}
		if _, ok := s.Remove(12345); ok {
			t.Fatal("an event that never was is gone")
		}
	}
}

func TestSession_BridgeAndSplit(t *testing.T) {
	s := Sessions{Window: Session{10}}
	s.Add(0)
	s.Add(20)
	got := s.Add(10)
	if fmt.Sprint(got.Before) != fmt.Sprint([]Span{{0, 10}, {20, 30}}) || fmt.Sprint(got.After) != fmt.Sprint([]Span{{0, 30}}) {
		t.Errorf("a bridge: %v", got)
	}
	if got := s.Add(10); len(got.Before)+len(got.After) != 0 {
		t.Errorf("a second event at one time: %v", got)
	}
	if _, ok := s.Remove(10); !ok {
		t.Error("not removed")
	}
	got, _ = s.Remove(10)
	if fmt.Sprint(got.After) != fmt.Sprint([]Span{{0, 10}, {20, 30}}) {
		t.Errorf("a split: %v", got)
	}
	w := s.Window
	if w.Complete(Span{0, 10}, 10) || !w.Complete(Span{0, 10}, 11) || !w.Complete(Span{0, math.MaxInt64}, math.MaxInt64) {
		t.Error("an event at the end may still join")
	}
}
