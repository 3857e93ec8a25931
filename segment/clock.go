package segment

// The clock of a sealed file says about when the event at a position happened, so
// that of a time only the difference has to be stored. It is piecewise linear
// through the knots of the file:
//
//	one knot in each chunk of 1024 positions, seq>>10, that the file has a part of
//
// Chunks are absolute: files that are merged have the same knots before and after,
// and the piece a position belongs to is found without a search.
//
// Left of the first knot and right of the last one the nearest piece goes on, and
// with one knot the clock stands still. Between knots s, t and s', t' it is
//
//	t + q·x + ⌊f·x / 2^32⌋   with x = seq − s, n = s' − s, d = t' − t,
//	                         q = ⌊d / n⌋, f = ⌊(d − q·n)·2^32 / n⌋
//
// modulo 2^64, which misses the line by less than two nanoseconds and needs no
// division. The numbers are part of the disk format: writer and reader must agree
// to the bit. Knots whose times are further apart than an int64 says, or whose
// positions are over 2^31 apart, make a poor clock and still the same one everywhere.

// chunkBits makes chunks of 1024 positions.
const chunkBits = 10

// clock is what the knots of a file say. The zero clock says 0.
type clock struct {
	first  uint64 // chunk of the first knot
	pieces []piece
}

// piece is the line that begins at a knot.
type piece struct {
	seq   uint64
	time  int64
	whole int64 // ns a position
	part  int64 // and 2^-32 ns a position, not negative
}

// newClock is the clock through the knots, whose positions rise.
func newClock(seq []uint64, time []int64) clock {
	c := clock{pieces: make([]piece, len(seq))}
	for i := range seq {
		c.pieces[i] = piece{seq: seq[i], time: time[i]}
		if i > 0 {
			c.pieces[i-1].lead(seq[i], time[i])
		}
	}
	if n := len(seq); n > 0 {
		c.first = seq[0] >> chunkBits
		if n > 1 {
			c.pieces[n-1].whole, c.pieces[n-1].part = c.pieces[n-2].whole, c.pieces[n-2].part
		}
	}
	return c
}

// lead gives p the slope towards the next knot.
func (p *piece) lead(seq uint64, time int64) {
	n := int64(seq - p.seq)
	if n <= 0 || n > 1<<31 {
		return // no writer leaves such a gap: the clock stands still in it
	}
	d := time - p.time
	whole, rest := d/n, d%n
	if rest < 0 {
		whole, rest = whole-1, rest+n
	}
	p.whole, p.part = whole, rest<<32/n
}

// at is the time that the clock says at seq. O(1), if there is a knot in each
// chunk from the first to the last one.
func (c *clock) at(seq uint64) int64 {
	if len(c.pieces) == 0 {
		return 0
	}
	p := c.piece(seq)
	x := int64(seq - p.seq)
	return p.time + p.whole*x + p.part*x>>32
}

// add adds to times what the clock says at seqs. Positions of one chunk, which are
// often next to each other, mostly lie on one piece.
func (c *clock) add(seqs, times []int64) {
	if len(c.pieces) == 0 {
		return
	}
	times = times[:len(seqs)]
	for i := 0; i < len(seqs); {
		p := c.piece(uint64(seqs[i]))
		from, time, whole, part := int64(p.seq), p.time, p.whole, p.part
		chunk := seqs[i] >> chunkBits
		if from>>chunkBits != chunk || seqs[i] < from {
			times[i] += c.at(uint64(seqs[i]))
			i++
			continue
		}
		for ; i < len(seqs) && seqs[i]>>chunkBits == chunk && seqs[i] >= from; i++ {
			x := seqs[i] - from
			times[i] += time + whole*x + part*x>>32
		}
	}
}

// piece is the one that seq lies on: its chunk's, or the one before if the knot
// comes later in the chunk.
func (c *clock) piece(seq uint64) *piece {
	if seq < c.pieces[0].seq {
		return &c.pieces[0]
	}
	i := int(min(seq>>chunkBits-c.first, uint64(len(c.pieces)-1)))
	for c.pieces[i].seq > seq {
		i--
	}
	return &c.pieces[i]
}
