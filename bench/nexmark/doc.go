// Package nexmark is the benchmark NEXMark: an auction house whose people, auctions
// and bids come as events, and the queries that are asked of them.
//
// The generator makes, byte for byte, the events of that of Apache Beam, which draws
// each from a java.util.Random of its own, seeded with the event's number: so an
// event does not depend on those before it, and comes in any order. Bids have a
// channel and a page besides, as those of nexmark/nexmark do.
//
// The queries are texts of package query. Bids are joined with the states of auctions
// and people, so each row is there once, whichever came first; winners are the bids
// between an auction's time and its end, ranked. They are asked of all events that are
// there, or kept up to date while events come, by a [Keeper]. Answers has what is right,
// by loops over the events; known answers of Apache Beam's events are in the tests.
package nexmark
