package nexmark

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func first(t *testing.T, n int) []Event {
	t.Helper()
	all := slices.Collect(Config{Events: n}.All())
	if len(all) != n {
		t.Fatalf("there are %d events, want %d", len(all), n)
	}
	return all
}

func TestConfig_FirstEventsAreThoseOfBeam(t *testing.T) {
	all := first(t, 5)
	p := *all[0].Person
	p.Extra = ""
	if want := (Person{1000, "Peter Jones", "nhd@xcat.com", "7241 7320 9143 4888", "Portland", "WY", ""}); p != want {
		t.Errorf("event 0 is %+v, want %+v", p, want)
	}
	a := *all[1].Auction
	a.Description, a.Extra = "", ""
	if want := (Auction{ID: 1000, ItemName: "wkx mgee", InitialBid: 28873, Reserve: 29448, Seller: 1000, Category: 13, Expires: Start.Add(11 * time.Millisecond)}); a != want {
		t.Errorf("event 1 is %+v, want %+v", a, want)
	}
	b := all[4].Bid
	if b.Auction != 1000 || b.Bidder != 1001 || b.Price != 32530001 {
		t.Errorf("event 4 is %+v", b)
	}
}

func TestConfig_TextsAreAsLongAsTheyShouldBe(t *testing.T) {
	early := false
	for i, e := range first(t, 10_000) {
		var extra string
		var lo, hi int
		switch {
		case e.Person != nil:
			p := e.Person
			size := 8 + len(p.Name+p.Email+p.CreditCard+p.City+p.State)
			extra, lo, hi = p.Extra, 200-size, 200-size
		case e.Auction != nil:
			a := e.Auction
			size := 48 + len(a.ItemName+a.Description)
			extra, lo, hi = a.Extra, 500-size, 500-size
			if strings.TrimSpace(a.ItemName) != a.ItemName || len(a.ItemName) > 20 || len(a.Description) > 100 {
				t.Fatalf("event %d: texts of %+v", i, a)
			}
		default:
			extra, lo, hi = e.Bid.Extra, 68, 68
			if !strings.HasPrefix(e.Bid.URL, "https://www.nexmark.com/") || e.Bid.Channel == "" {
				t.Fatalf("event %d: %+v", i, e.Bid)
			}
		}
		lo, hi = lo*8/10-1, hi*12/10+1
		if len(extra) < lo || len(extra) > hi {
			t.Fatalf("event %d: %d bytes of filling, want %d to %d", i, len(extra), lo, hi)
		}
		if at := strings.IndexFunc(extra, func(c rune) bool { return c < 'a'-25 || c > 'z' }); at >= 0 {
			t.Fatalf("event %d: sign %q of the filling", i, extra[at])
		}
		early = early || strings.ContainsFunc(extra, func(c rune) bool { return c < 'a' })
	}
	if !early {
		t.Error("no filling has a sign before a, which negative draws give")
	}
}

// count and sum over bids, and how many people and auctions there are.
func totals(c Config) (people, auctions, bids int, sum int64) {
	for e := range c.All() {
		switch {
		case e.Person != nil:
			people++
		case e.Auction != nil:
			auctions++
		default:
			bids++
			sum += e.Bid.Price
		}
	}
	return people, auctions, bids, sum
}

func TestConfig_CountsAndSums(t *testing.T) {
	for _, c := range []Config{{Events: 100_000}, {Events: 100_000, Group: 1000}, {Events: 100_000, Generators: 4}, {Events: 100_000, Generators: 5, Group: 10, Rate: 123_456}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			people, auctions, bids, sum := totals(c)
			if people != 2000 || auctions != 6000 || bids != 92000 || sum != 667953890778 {
				t.Errorf("%d people, %d auctions, %d bids of %d cents", people, auctions, bids, sum)
			}
		})
	}
}

func TestConfig_AnyOrderHasTheSameEvents(t *testing.T) {
	text := func(e Event) string { return fmt.Sprint(e.Event()) }
	want := map[string]int{}
	for e := range (Config{Events: 20_000}).All() {
		want[text(e)]++
	}
	for _, group := range []int{10, 1000, 20_000} {
		c := Config{Events: 20_000, Group: group}
		got := map[string]int{}
		ordered, last := true, time.Time{}
		for e := range c.All() {
			got[text(e)]++
			ordered = ordered && !e.Time.Before(last)
			last = e.Time
		}
		if !maps.Equal(got, want) {
			t.Errorf("groups of %d have other events than those in order", group)
		}
		if ordered && group > 10 {
			t.Errorf("groups of %d come in order", group)
		}
	}
}

func TestConfig_TimesFollowTheRate(t *testing.T) {
	for _, c := range []struct {
		Config
		last time.Duration // of the last event
	}{
		{Config{Events: 1000}, 99 * time.Millisecond},
		{Config{Events: 1000, Rate: 7}, 999 * 142857 * time.Microsecond},
		{Config{Events: 1000, Rate: 10_000_000}, 0},
		{Config{Events: 1000, Generators: 4, Rate: 1000}, 249 * 4 * time.Millisecond},
	} {
		var last Event
		for e := range c.All() {
			last = e
		}
		if got := last.Time.Sub(Start); got != c.last.Truncate(time.Millisecond) {
			t.Errorf("%+v: the last event is at %s, want %s", c.Config, got, c.last)
		}
	}
}

func TestConfig_CheckRefuses(t *testing.T) {
	for _, c := range []Config{{Events: -1}, {Events: 10, Rate: -1}, {Events: 10, Generators: -2}, {Events: 10, Group: -1},
		{Events: 953, Group: 953}, {Events: 1000, Group: 3}, {Events: 1000, Generators: 3, Group: 10}} {
		if err := c.Check(); err == nil {
			t.Errorf("%+v passes", c)
		}
	}
}

// Numbers that java.util.Random draws of seed 42, as many programs have printed them.
func TestRandom_AsJava(t *testing.T) {
	r := newRandom(42)
	for i, want := range []int32{-1170105035, 234785527, -1360544799, 205897768} {
		if got := r.int32(); got != want {
			t.Errorf("draw %d is %d, want %d", i, got, want)
		}
	}
	r = newRandom(42)
	for i, want := range []int{0, 3, 8, 4, 0} {
		if got := r.below(10); got != want {
			t.Errorf("draw %d below 10 is %d, want %d", i, got, want)
		}
	}
}
