package nexmark

import (
	"fmt"
	"math/bits"
	"strings"
)

// text draws up to most letters, some of them blank.
func (r *random) text(most int) string {
	const least = 3
	b := make([]byte, least+r.below(most-least))
	for i := range b {
		if b[i] = ' '; r.below(13) > 0 {
			b[i] = 'a' + byte(r.below(26))
		}
	}
	return strings.TrimSpace(string(b))
}

// extra draws what fills an event of size bytes up to about wanted ones: a fifth
// more or less of what is missing. Letters come six of a draw, which may be
// negative and then gives signs from before a; the benchmark is like that.
func (r *random) extra(size, wanted int) string {
	if size > wanted {
		return ""
	}
	missing := wanted - size
	spread := int(round(0.2 * float64(missing)))
	n := missing - spread
	if spread > 0 {
		n += r.below(2 * spread)
	}
	b := make([]byte, n)
	left := int32(0)
	for i := range b {
		if i%6 == 0 {
			left = r.int32()
		}
		b[i] = byte('a' + left%26)
		left /= 26
	}
	return string(b)
}

// channels are how many there are besides the four that half of all bids come by.
const channels = 10_000

var hotChannels = [...]string{"Google", "Facebook", "Baidu", "Apple"}

// channel is by which channel a bid came, and the page. Apache Beam has none; those
// of nexmark/nexmark are drawn between price and extra. Here they have a generator
// of their own, so that all else is as in Apache Beam.
func channel(id int64) (name, url string) {
	r := newRandom(^id)
	if r.below(2) > 0 {
		i := r.below(len(hotChannels))
		return hotChannels[i], page(int64(i))
	}
	i := r.below(channels)
	r = newRandom(int64(i))
	url = page(int64(channels + i))
	if r.below(10) > 0 {
		url += fmt.Sprintf("&channel_id=%d", bits.Reverse32(uint32(i))&(1<<31-1))
	}
	return fmt.Sprintf("channel-%d", i), url
}

// page is the page of a channel, which has three folders.
func page(seed int64) string {
	r := newRandom(seed)
	folder := func() string { return strings.ReplaceAll(r.text(8), " ", "_") }
	return "https://www.nexmark.com/" + folder() + "/" + folder() + "/" + folder() + "/item.htm?query=1"
}
