package nexmark

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Answer is what is checked of the answer to a query: the number of its rows, and the
// sum of all that is in them: integers, whole parts of floats, lengths of texts, and
// ms of times. It wraps around. Of a query whose rows depend on when events arrived it
// is no rows, and the sum of the last column.
type Answer struct {
	Rows int64
	Sum  uint64
}

// row adds a row whose numbers sum up to sum.
func (a *Answer) row(sum int64) {
	a.Rows++
	a.Sum += uint64(sum)
}

// Check holds an answer against what it has to be.
func (a Answer) Check(got Answer) error {
	if a != got {
		return fmt.Errorf("%d rows with a sum of %d, want %d with %d", got.Rows, got.Sum, a.Rows, a.Sum)
	}
	return nil
}

// Answers are the right answers, by the names of the queries. They are found by plain
// loops over the events, without a database.
func (c Config) Answers() map[string]Answer {
	all := oracle{people: map[int64]*Person{}, registered: map[int64]int64{}, auctions: map[int64]*auctionTimes{}, channels: map[string]int32{}, answers: map[string]Answer{}}
	c.Group = 1 // the same in any order
	for e := range c.All() {
		all.take(e)
	}
	all.joins()
	all.hops()
	all.highest()
	all.sessions()
	all.daily()
	all.places()
	return all.answers
}

// oracle has the events, as far as queries ask for more than one at a time.
type oracle struct {
	people     map[int64]*Person
	registered map[int64]int64 // ms
	auctions   map[int64]*auctionTimes
	bids       []bidOf
	channels   map[string]int32
	names      []string // of channels
	answers    map[string]Answer
}

type auctionTimes struct {
	*Auction
	opened, expires int64 // ms
}

// bidOf is what is kept of a bid.
type bidOf struct {
	auction, bidder int32
	channel         int32 // in oracle.names
	extra           int16 // its length
	price           int64
	millis          int64
	text            string // extra, for its order
}

// on adds rows to the answer to a query.
func (o *oracle) on(name string, f func(a *Answer)) {
	a := o.answers[name]
	f(&a)
	o.answers[name] = a
}

func (o *oracle) take(e Event) {
	at := e.Time.UnixMilli()
	switch {
	case e.Person != nil:
		e.Person.Extra = ""
		o.people[e.Person.ID], o.registered[e.Person.ID] = e.Person, at
	case e.Auction != nil:
		o.auctions[e.Auction.ID] = &auctionTimes{e.Auction, at, e.Auction.Expires.UnixMilli()}
	default:
		o.single(e.Bid, at)
		o.keep(e.Bid, at)
	}
}

func (o *oracle) keep(b *Bid, at int64) {
	channel, ok := o.channels[b.Channel]
	if !ok {
		channel = int32(len(o.channels))
		o.channels[b.Channel] = channel
		o.names = append(o.names, b.Channel)
	}
	o.bids = append(o.bids, bidOf{int32(b.Auction), int32(b.Bidder), channel, int16(len(b.Extra)), b.Price, at, b.Extra})
}

// single answers the queries that ask of each bid alone.
func (o *oracle) single(b *Bid, at int64) {
	sum := b.Auction + b.Bidder + b.Price
	extra := int64(len(b.Extra))
	o.on("q0", func(a *Answer) { a.row(sum + at + extra) })
	euros := 0.908 * float64(b.Price)
	o.on("q1", func(a *Answer) { a.row(sum - b.Price + int64(euros) + at + extra) })
	if b.Auction%123 == 0 {
		o.on("q2", func(a *Answer) { a.row(b.Auction + b.Price) })
	}
	o.on("q10", func(a *Answer) { a.row(int64(len("2015-07-15")+len("00:00")) + sum + at + extra) })
	o.on("q12", func(a *Answer) { a.Sum++ })
	o.on("q13", func(a *Answer) { a.row(sum + at + b.Auction%10000) })
	if euros > 1e6 && euros < 5e7 {
		kind := "otherTime"
		switch hour := time.UnixMilli(at).UTC().Hour(); {
		case hour >= 8 && hour <= 18:
			kind = "dayTime"
		case hour <= 6 || hour >= 20:
			kind = "nightTime"
		}
		o.on("q14", func(a *Answer) {
			a.row(sum - b.Price + int64(euros) + int64(len(kind)) + at + extra + int64(strings.Count(b.Extra, "c")))
		})
	}
	_, id, found := strings.Cut(b.URL, "&channel_id=")
	if hot := slices.Contains(hotChannels[:], b.Channel); hot {
		id, found = "0", true
	}
	if found {
		o.on("q21", func(a *Answer) { a.row(sum + int64(len(b.Channel)+len(id))) })
	}
	folders := strings.Split(b.URL, "/")[3:6]
	o.on("q22", func(a *Answer) { a.row(sum + int64(len(b.Channel)+len(strings.Join(folders, "")))) })
}

// tens is the start of the ten seconds that a time is in.
func tens(millis int64) int64 { return millis / 10_000 * 10_000 }

// joins answers what is asked of auctions and their sellers.
func (o *oracle) joins() {
	type registered struct{ id, start int64 }
	both := map[registered]bool{}
	for _, a := range o.auctions {
		p := o.people[a.Seller]
		if p == nil {
			continue
		}
		if a.Category == 10 && slices.Contains([]string{"OR", "ID", "CA"}, p.State) {
			o.on("q3", func(to *Answer) { to.row(int64(len(p.Name+p.City+p.State)) + a.ID) })
		}
		if start := tens(a.opened); start == tens(o.registered[p.ID]) && !both[registered{p.ID, start}] {
			both[registered{p.ID, start}] = true
			o.on("q8", func(to *Answer) { to.row(p.ID + int64(len(p.Name)) + start) })
		}
	}
	for _, b := range o.bids {
		if a := o.auctions[int64(b.auction)]; a != nil && a.Category == 10 {
			texts := len(a.ItemName) + len(a.Description) + len(a.Extra) + int(b.extra)
			o.on("q20", func(to *Answer) {
				to.row(int64(b.auction) + int64(b.bidder) + b.price + b.millis + int64(texts) + a.InitialBid + a.Reserve + a.opened + a.expires +
					a.Seller + a.Category)
			})
		}
	}
	o.winners()
}

// winners answers what is asked of the highest bids while their auctions were open.
func (o *oracle) winners() {
	best := map[int64]bidOf{}
	for _, b := range o.bids {
		a := o.auctions[int64(b.auction)]
		if a == nil || b.millis < a.opened || b.millis > a.expires {
			continue
		}
		w, ok := best[a.ID]
		if !ok || cmp.Or(cmp.Compare(w.price, b.price), cmp.Compare(b.millis, w.millis), cmp.Compare(b.bidder, w.bidder)) < 0 {
			best[a.ID] = b
		}
	}
	type mean struct{ sum, n int64 }
	categories, sellers := map[int64]mean{}, map[int64][]*auctionTimes{}
	for id, w := range best {
		o.on("q9", func(a *Answer) { a.row(id + int64(w.bidder) + w.price + w.millis) })
		a := o.auctions[id]
		m := categories[a.Category]
		categories[a.Category] = mean{m.sum + w.price, m.n + 1}
		sellers[a.Seller] = append(sellers[a.Seller], a)
	}
	for category, m := range categories {
		o.on("q4", func(a *Answer) { a.row(category + int64(float64(m.sum)/float64(m.n))) })
	}
	for seller, sold := range sellers {
		slices.SortFunc(sold, func(a, b *auctionTimes) int {
			return cmp.Or(cmp.Compare(b.expires, a.expires), cmp.Compare(a.ID, b.ID))
		})
		sold = sold[:min(len(sold), 10)]
		sum := int64(0)
		for _, a := range sold {
			sum += best[a.ID].price
		}
		o.on("q6", func(a *Answer) { a.row(seller + int64(float64(sum)/float64(len(sold)))) })
	}
}

// hops answers which auctions have the most bids of each window.
func (o *oracle) hops() {
	counts := map[int64]map[int32]int64{}
	for _, b := range o.bids {
		for start := b.millis / 2000 * 2000; start > b.millis-10_000; start -= 2000 {
			if counts[start] == nil {
				counts[start] = map[int32]int64{}
			}
			counts[start][b.auction]++
		}
	}
	for start, auctions := range counts {
		most := int64(0)
		for _, n := range auctions {
			most = max(most, n)
		}
		for id, n := range auctions {
			if n == most {
				o.on("q5", func(a *Answer) { a.row(start + int64(id) + n) })
			}
		}
	}
}

// highest answers which bids are the highest of each ten seconds.
func (o *oracle) highest() {
	best := map[int64]int64{}
	for _, b := range o.bids {
		best[tens(b.millis)] = max(best[tens(b.millis)], b.price)
	}
	for _, b := range o.bids {
		if b.price == best[tens(b.millis)] {
			o.on("q7", func(a *Answer) { a.row(int64(b.auction) + b.price + int64(b.bidder) + b.millis) })
		}
	}
}

// sessions answers how many bids each session has. Bids are in the order of time.
func (o *oracle) sessions() {
	type session struct{ start, last, n int64 }
	open := map[int32]session{}
	end := func(bidder int32, s session) {
		o.on("q11", func(a *Answer) { a.row(int64(bidder) + s.start + s.last + 10_000 + s.n) })
	}
	for _, b := range o.bids {
		s, ok := open[b.bidder]
		if ok && b.millis-s.last > 10_000 {
			end(b.bidder, s)
			ok = false
		}
		if !ok {
			s.start, s.n = b.millis, 0
		}
		open[b.bidder] = session{s.start, b.millis, s.n + 1}
	}
	for bidder, s := range open {
		end(bidder, s)
	}
}

// daily answers what is asked of days, channels and auctions.
func (o *oracle) daily() {
	const day = 24 * 3600 * 1000
	type group struct{ channel, auction, day int64 }
	type totals struct {
		ranks             [4]int64 // all, then by rank of price
		bidders, auctions [4]map[int32]bool
		low, high, sum    int64
	}
	groups := map[group]*totals{}
	add := func(g group, b bidOf, distinct bool) {
		t := groups[g]
		if t == nil {
			t = &totals{low: math.MaxInt64}
			for i := range t.bidders {
				t.bidders[i], t.auctions[i] = map[int32]bool{}, map[int32]bool{}
			}
			groups[g] = t
		}
		t.low, t.high, t.sum = min(t.low, b.price), max(t.high, b.price), t.sum+b.price
		rank := 1
		if b.price >= 10_000 {
			rank++
		}
		if b.price >= 1_000_000 {
			rank++
		}
		for _, r := range []int{0, rank} {
			t.ranks[r]++
			if distinct {
				t.bidders[r][b.bidder], t.auctions[r][b.auction] = true, true
			}
		}
	}
	for _, b := range o.bids {
		start := b.millis / day * day
		add(group{-1, -1, start}, b, true)
		add(group{int64(b.channel), -1, start}, b, true)
		add(group{-1, int64(b.auction), start}, b, false)
	}
	for g, t := range groups {
		sum := g.day
		for i := range t.ranks {
			sum += t.ranks[i] + int64(len(t.bidders[i])+len(t.auctions[i]))
		}
		switch {
		case g.channel >= 0:
			o.on("q16", func(a *Answer) { a.row(sum + int64(len("00:00")+len(o.names[g.channel]))) })
		case g.auction >= 0:
			mean := int64(float64(t.sum) / float64(t.ranks[0]))
			o.on("q17", func(a *Answer) { a.row(sum + g.auction + t.low + t.high + mean + t.sum) })
		default:
			o.on("q15", func(a *Answer) { a.row(sum) })
		}
	}
}

// places answers which bids come first of each auction, and of each bidder in it.
func (o *oracle) places() {
	byAuction := func(a, b bidOf) int {
		return cmp.Or(cmp.Compare(a.auction, b.auction), cmp.Compare(b.price, a.price), cmp.Compare(a.millis, b.millis), cmp.Compare(a.bidder, b.bidder))
	}
	slices.SortFunc(o.bids, byAuction)
	place := int64(0)
	for i, b := range o.bids {
		if place++; i == 0 || o.bids[i-1].auction != b.auction {
			place = 1
		}
		if place <= 10 {
			o.on("q19", func(a *Answer) { a.row(int64(b.auction) + int64(b.bidder) + b.price + b.millis + place) })
		}
	}
	slices.SortFunc(o.bids, func(a, b bidOf) int {
		return cmp.Or(cmp.Compare(a.auction, b.auction), cmp.Compare(a.bidder, b.bidder), cmp.Compare(b.millis, a.millis),
			cmp.Compare(b.price, a.price), cmp.Compare(a.text, b.text))
	})
	for i, b := range o.bids {
		if i == 0 || o.bids[i-1].auction != b.auction || o.bids[i-1].bidder != b.bidder {
			o.on("q18", func(a *Answer) { a.row(int64(b.auction) + int64(b.bidder) + b.price + b.millis + int64(b.extra)) })
		}
	}
}
