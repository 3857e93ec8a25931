package nexmark

import "fmt"

// Query is one of the benchmark's questions, as text of package query.
type Query struct {
	Name string
	What string // in a sentence, for people
	Text string
	// Published is what Flink was measured at elsewhere, in events a second and core:
	// 100 M events of nexmark/nexmark, RocksDB, exactly once. 0: no figure is known.
	Published float64
	// Note says where the question is another one than that of nexmark/nexmark.
	Note string
	// Arrival says that its rows depend on when events arrived; the last column does
	// not, summed up.
	Arrival bool

	// How it is kept up to date, see [Keeper]. Aggregate is what is maintained under its
	// name, and Kept the question asked of that. Otherwise Parts says which of its rows
	// hang together; nil: each row is of one bid. Where Revised is set, that is what
	// has the parts, and what is maintained is an aggregate of its rows.
	Aggregate, Revised, Kept string
	Parts                    *Parts
}

// Side is the stream that q13 looks up: key i has the value i.
const Side = "side"

// Queries are q0 to q22, in their order. Where nexmark/nexmark leaves open which of
// several rows comes first, what tells them apart is added to the order.
var Queries = []Query{
	{Name: "q0", What: "all bids", Published: 155e3, Text: `
		SELECT auction, bidder, price, time, extra FROM bid`},
	{Name: "q1", What: "prices in another currency", Published: 158e3, Text: `
		SELECT auction, bidder, price * 0.908 AS price, time, extra FROM bid`},
	{Name: "q2", What: "bids on some auctions", Published: 175e3, Text: `
		SELECT auction, price FROM bid WHERE auction % 123 = 0`},
	{Name: "q3", What: "who sells in a category in three states", Published: 152e3, Text: `
		SELECT p.name, p.city, p.state, a.id FROM auction a JOIN STATE OF person p ON a.seller = p.id
		WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`, Parts: bySeller},
	{Name: "q4", What: "average winning price by category", Published: 34e3, Text: `
		SELECT category, avg(final) AS average FROM (` + finals + `) GROUP BY category`,
		Parts: byAuction, Revised: finals, Kept: `SELECT category, total / auctions AS average FROM q4 WHERE auctions > 0`},
	{Name: "q5", What: "auctions with the most bids in ten seconds, every two", Published: 22e3, Text: `
		SELECT window_start, auction, bids FROM (
			SELECT window_start, auction, bids, rank() OVER (PARTITION BY window_start ORDER BY bids DESC) AS place FROM (
				SELECT window_start, auction, count(*) AS bids FROM bid
				GROUP BY auction, WINDOW HOP INTERVAL '10 seconds' BY INTERVAL '2 seconds'))
		WHERE place = 1`,
		Aggregate: `SELECT count(*) AS bids FROM bid GROUP BY auction, WINDOW HOP INTERVAL '10 seconds' BY INTERVAL '2 seconds'`,
		Kept: `SELECT window_start, auction, bids FROM (
			SELECT window_start, auction, bids, rank() OVER (PARTITION BY window_start ORDER BY bids DESC) AS place FROM q5)
		WHERE place = 1`},
	{Name: "q6", What: "average of the last ten winning prices by seller", Text: `
		SELECT seller, avg(final) AS average FROM (
			SELECT seller, final, row_number() OVER (PARTITION BY seller ORDER BY time DESC, id) AS place FROM (
				SELECT a.id AS id, a.seller AS seller, a.expires AS time, max(b.price) AS final
				FROM bid b JOIN STATE OF auction a ON b.auction = a.id
				WHERE b.time BETWEEN a.time AND a.expires GROUP BY a.id, a.seller, a.expires))
		WHERE place <= 10 GROUP BY seller`, Parts: ofSellers, Note: "as it stands at the end, not after each auction"},
	{Name: "q7", What: "highest bid of each ten seconds", Published: 12.3e3, Text: `
		SELECT auction, price, bidder, time FROM (
			SELECT auction, price, bidder, time, rank() OVER (PARTITION BY date_bin(INTERVAL '10 seconds', time) ORDER BY price DESC) AS place
			FROM bid)
		WHERE place = 1`,
		Aggregate: `SELECT max(price) AS price FROM bid GROUP BY WINDOW INTERVAL '10 seconds'`,
		Kept: `SELECT b.auction AS auction, b.price AS price, b.bidder AS bidder, b.time AS time FROM bid b JOIN (SELECT window_start AS start, price FROM q7) m
			ON date_bin(INTERVAL '10 seconds', b.time) = m.start AND b.price = m.price`},
	{Name: "q8", What: "who registered and sold in the same ten seconds", Published: 146e3, Text: `
		SELECT DISTINCT p.id, p.name, date_bin(INTERVAL '10 seconds', p.time) FROM auction a JOIN STATE OF person p ON a.seller = p.id
		WHERE date_bin(INTERVAL '10 seconds', a.time) = date_bin(INTERVAL '10 seconds', p.time)`, Parts: bySeller},
	{Name: "q9", What: "winning bid of each auction", Published: 14.2e3, Text: `
		SELECT auction, bidder, price, time FROM (
			SELECT b.auction AS auction, b.bidder AS bidder, b.price AS price, b.time AS time,
				row_number() OVER (PARTITION BY b.auction ORDER BY b.price DESC, b.time, b.bidder) AS place
			FROM bid b JOIN STATE OF auction a ON b.auction = a.id WHERE b.time BETWEEN a.time AND a.expires)
		WHERE place = 1`, Parts: byAuction},
	{Name: "q10", What: "all bids by minute, as for a file each", Text: `
		SELECT format_time(time, '%Y-%m-%d') AS day, format_time(time, '%H:%M') AS minute, auction, bidder, price, time, extra FROM bid`,
		Note: "rows, not files"},
	{Name: "q11", What: "bids of each session of a bidder", Published: 40e3, Text: `
		SELECT bidder, window_start, window_end, count(*) FROM bid GROUP BY bidder, WINDOW SESSION INTERVAL '10 seconds'`,
		Aggregate: `SELECT count(*) AS bids FROM bid GROUP BY bidder, WINDOW SESSION INTERVAL '10 seconds'`,
		Kept:      `SELECT bidder, window_start, window_end, bids FROM q11`},
	{Name: "q12", What: "bids of each bidder by ten seconds of arrival", Published: 76e3, Text: `
		SELECT bidder, date_bin(INTERVAL '10 seconds', recorded) AS start, count(*) AS bids FROM bid
		GROUP BY bidder, date_bin(INTERVAL '10 seconds', recorded)`, Arrival: true,
		Aggregate: `SELECT count(*) AS bids FROM bid GROUP BY bidder, date_bin(INTERVAL '10 seconds', recorded)`,
		Kept:      `SELECT bidder, "date_bin(INTERVAL '10 seconds', recorded)", bids FROM q12`},
	{Name: "q13", What: "bids with what a table says", Text: `
		SELECT b.auction, b.bidder, b.price, b.time, s.value FROM bid b JOIN STATE OF side s ON b.auction % 10000 = s.id`},
	{Name: "q14", What: "bids of a range, with time of day, and letters counted", Published: 161e3, Text: `
		SELECT auction, bidder, 0.908 * price AS price,
			CASE WHEN extract(hour FROM time) BETWEEN 8 AND 18 THEN 'dayTime'
				WHEN extract(hour FROM time) <= 6 OR extract(hour FROM time) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType,
			time, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
		FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`},
	{Name: "q15", What: "bids, bidders and auctions of a day, by rank of price", Published: 72e3, Text: `
		SELECT window_start, ` + counts + ` FROM bid GROUP BY WINDOW day`,
		Aggregate: `SELECT ` + counts + ` FROM bid GROUP BY WINDOW day`,
		Kept:      `SELECT window_start, ` + countNames + ` FROM q15`},
	{Name: "q16", What: "the same by channel, with the last minute", Published: 18.7e3, Text: `
		SELECT channel, window_start, format_time(max(time), '%H:%M') AS minute, ` + counts + ` FROM bid GROUP BY channel, WINDOW day`,
		Aggregate: `SELECT max(time) AS latest, ` + counts + ` FROM bid GROUP BY channel, WINDOW day`,
		Kept:      `SELECT channel, window_start, format_time(latest, '%H:%M') AS minute, ` + countNames + ` FROM q16`},
	{Name: "q17", What: "bids of an auction and day, by rank of price, and prices", Published: 117e3, Text: `
		SELECT auction, window_start, ` + prices + ` FROM bid GROUP BY auction, WINDOW day`,
		Aggregate: `SELECT ` + prices + ` FROM bid GROUP BY auction, WINDOW day`,
		Kept:      `SELECT auction, window_start, total_bids, ` + rankNames("bids") + `, min_price, max_price, avg_price, sum_price FROM q17`},
	{Name: "q18", What: "last bid of each bidder in an auction", Published: 54e3, Text: `
		SELECT auction, bidder, price, time, extra FROM (
			SELECT auction, bidder, price, time, extra, row_number() OVER (PARTITION BY bidder, auction ORDER BY time DESC, price DESC, extra) AS place FROM bid)
		WHERE place = 1`, Parts: byAuction},
	{Name: "q19", What: "ten highest bids of each auction", Published: 44e3, Text: `
		SELECT auction, bidder, price, time, place FROM (
			SELECT auction, bidder, price, time, row_number() OVER (PARTITION BY auction ORDER BY price DESC, time, bidder) AS place FROM bid)
		WHERE place <= 10`, Parts: byAuction},
	{Name: "q20", What: "bids with their auction, of a category", Published: 19e3, Text: `
		SELECT b.auction, b.bidder, b.price, b.time, b.extra, a.itemName, a.description, a.initialBid, a.reserve, a.time, a.expires,
			a.seller, a.category, a.extra
		FROM bid b JOIN STATE OF auction a ON b.auction = a.id WHERE a.category = 10`, Parts: byAuction},
	{Name: "q21", What: "number of the channel", Text: `
		SELECT auction, bidder, price, channel, channel_id FROM (
			SELECT auction, bidder, price, channel, CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
				WHEN 'baidu' THEN '3' ELSE regexp_extract(url, '(&|^)channel_id=([^&]*)', 2) END AS channel_id FROM bid)
		WHERE channel_id IS NOT NULL`},
	{Name: "q22", What: "folders of the page", Published: 130e3, Text: `
		SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2,
			split_part(url, '/', 6) AS dir3 FROM bid`},
}

// finals is the highest bid of each auction while that was open.
const finals = `
	SELECT a.id AS id, a.category AS category, max(b.price) AS final FROM bid b JOIN STATE OF auction a ON b.auction = a.id
	WHERE b.time BETWEEN a.time AND a.expires GROUP BY a.id, a.category`

// counts and prices are what is asked of the bids of days, and countNames the columns of
// the former.
var (
	counts = "count(*) AS total_bids, " + byRank("count(*)", "bids") +
		", count(DISTINCT bidder) AS total_bidders, " + byRank("count(DISTINCT bidder)", "bidders") +
		", count(DISTINCT auction) AS total_auctions, " + byRank("count(DISTINCT auction)", "auctions")
	countNames = "total_bids, " + rankNames("bids") + ", total_bidders, " + rankNames("bidders") + ", total_auctions, " + rankNames("auctions")
	prices     = "count(*) AS total_bids, " + byRank("count(*)", "bids") +
		", min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price"
)

// byRank is a call of an aggregate over the bids of each of three ranks of price.
func byRank(call, what string) string {
	return fmt.Sprintf("%[1]s FILTER (WHERE price < 10000) AS rank1_%[2]s, "+
		"%[1]s FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_%[2]s, "+
		"%[1]s FILTER (WHERE price >= 1000000) AS rank3_%[2]s", call, what)
}

// rankNames are the columns of byRank.
func rankNames(what string) string { return fmt.Sprintf("rank1_%[1]s, rank2_%[1]s, rank3_%[1]s", what) }
