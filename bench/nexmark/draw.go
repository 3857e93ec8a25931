package nexmark

import (
	"fmt"
	"math"
	"time"
)

// What ids begin with.
const (
	firstPerson   = 1000
	firstAuction  = 1000
	firstCategory = 10
)

const (
	hot           = 100  // of so many people or auctions one is hot
	active        = 1000 // people who take part at a time
	ahead         = 10   // people and auctions not there yet that are already spoken of
	categories    = 5
	personBytes   = 200 // that an event has about, by filling it up
	auctionBytes  = 500
	bidBytes      = 100
	auctionCycles = auctionsInPlace * cycle / cycleAuctions // events in which as many auctions begin as there are at a time
)

var (
	firstNames = [...]string{"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}
	lastNames  = [...]string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
	cities     = [...]string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	states     = [...]string{"AZ", "CA", "ID", "OR", "WA", "WY"}
)

// draw makes one event. What is drawn comes in the order in which Apache Beam draws
// it, for each draw depends on those before.
type draw struct {
	random
	*generator
	id     int64 // of the event
	at     int64 // its number within the generator
	millis int64 // its time
}

func (d *draw) person() *Person {
	p := &Person{ID: firstPerson + d.lastPerson()}
	p.Name = d.one(firstNames[:]) + " " + d.one(lastNames[:])
	p.Email = d.text(7) + "@" + d.text(5) + ".com"
	p.CreditCard = fmt.Sprintf("%04d %04d %04d %04d", d.below(10000), d.below(10000), d.below(10000), d.below(10000))
	p.City, p.State = d.one(cities[:]), d.one(states[:])
	p.Extra = d.extra(8+len(p.Name)+len(p.Email)+len(p.CreditCard)+len(p.City)+len(p.State), personBytes)
	return p
}

func (d *draw) auction() *Auction {
	a := &Auction{ID: firstAuction + d.lastAuction()}
	a.Seller = firstPerson + d.hotOr(4, d.lastPerson()/hot*hot, d.nextPerson)
	a.Category = firstCategory + int64(d.below(categories))
	a.InitialBid = d.price()
	horizon := d.generator.millis(d.at+auctionCycles) - d.millis
	a.Expires = time.UnixMilli(d.millis + 1 + int64(d.below(int(max(2*horizon, 1))))).UTC()
	a.ItemName, a.Description = d.text(20), d.text(100)
	a.Reserve = a.InitialBid + d.price()
	a.Extra = d.extra(8+len(a.ItemName)+len(a.Description)+40, auctionBytes)
	return a
}

func (d *draw) bid() *Bid {
	b := &Bid{}
	b.Auction = firstAuction + d.hotOr(2, d.lastAuction()/hot*hot, d.nextAuction)
	b.Bidder = firstPerson + d.hotOr(4, d.lastPerson()/hot*hot+1, d.nextPerson)
	b.Price = d.price()
	b.Extra = d.extra(32, bidBytes)
	b.Channel, b.URL = channel(d.id)
	return b
}

// lastPerson is the newest person, counted from 0.
func (d *draw) lastPerson() int64 { return d.id / cycle }

// lastAuction is the newest auction, counted from 0.
func (d *draw) lastAuction() int64 {
	in := min(max(d.id%cycle-firstAuctionOf, -1), cycleAuctions-1)
	return d.id/cycle*cycleAuctions + in
}

// nextPerson draws one of the people who take part, or of the next.
func (d *draw) nextPerson() int64 {
	people := d.lastPerson() + 1
	n := min(people, active)
	return people - n + int64(d.below(int(n)+ahead))
}

// nextAuction draws one of the auctions there are, or of the next.
func (d *draw) nextAuction() int64 {
	last := d.lastAuction()
	oldest := max(last-auctionsInPlace, 0)
	return oldest + int64(d.below(int(last-oldest)+1+ahead))
}

// hotOr is the hot one, but in one of ratio cases another.
func (d *draw) hotOr(ratio int, hot int64, other func() int64) int64 {
	if d.below(ratio) > 0 {
		return hot
	}
	return other()
}

func (d *draw) one(of []string) string { return of[d.below(len(of))] }

// price draws a price in cents, from one to a million, evenly by its logarithm.
func (d *draw) price() int64 { return round(math.Pow(10, d.float()*6) * 100) }
