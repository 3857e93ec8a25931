package nexmark

import (
	"strconv"
	"time"

	"github.com/annalsdb/annals/store"
)

// Event is one of a person, an auction and a bid; the others are nil.
type Event struct {
	Time    time.Time // UTC, in whole ms
	Person  *Person
	Auction *Auction
	Bid     *Bid
}

// Person is someone who registers, to sell or to bid.
type Person struct {
	ID                                          int64
	Name, Email, CreditCard, City, State, Extra string
}

// Auction is an item offered by a person. Prices are in cents.
type Auction struct {
	ID, Seller, Category         int64
	ItemName, Description, Extra string
	InitialBid, Reserve          int64
	Expires                      time.Time
}

// Bid is what a person offers, in cents, in an auction.
type Bid struct {
	Auction, Bidder, Price int64
	Channel, URL, Extra    string
}

// The streams that events are put into.
const (
	People   = "person"
	Auctions = "auction"
	Bids     = "bid"
)

// Event is e as an event of the engine. Its key is the id of the person or the
// auction, of a bid that of its auction, so that the history of a key in [Bids] is
// that of an auction.
func (e Event) Event() store.Event {
	key := func(id int64) string { return strconv.FormatInt(id, 10) }
	switch {
	case e.Person != nil:
		p := e.Person
		return store.Event{Stream: People, Key: key(p.ID), Type: "registered", Time: e.Time, Fields: store.Fields{
			store.Int64("id", p.ID), store.String("name", p.Name), store.String("email", p.Email), store.String("creditCard", p.CreditCard),
			store.String("city", p.City), store.String("state", p.State), store.String("extra", p.Extra)}}
	case e.Auction != nil:
		a := e.Auction
		return store.Event{Stream: Auctions, Key: key(a.ID), Type: "opened", Time: e.Time, Fields: store.Fields{
			store.Int64("id", a.ID), store.String("itemName", a.ItemName), store.String("description", a.Description),
			store.Int64("initialBid", a.InitialBid), store.Int64("reserve", a.Reserve), store.Time("expires", a.Expires),
			store.Int64("seller", a.Seller), store.Int64("category", a.Category), store.String("extra", a.Extra)}}
	}
	b := e.Bid
	return store.Event{Stream: Bids, Key: key(b.Auction), Type: "placed", Time: e.Time, Fields: store.Fields{
		store.Int64("auction", b.Auction), store.Int64("bidder", b.Bidder), store.Int64("price", b.Price),
		store.String("channel", b.Channel), store.String("url", b.URL), store.String("extra", b.Extra)}}
}
