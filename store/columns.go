package store

import (
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// # A key's history as columns
//
// What a key has in each sealed file is in the stream's order, and so is what it
// has in no sealed file: these are sources, oldest first. No position of a source
// is before one of the source before, so rows of equal times stand in the order of
// their sources, and a row's place in the order is (time, source, row).
//
// The history is cut into pieces of the order, each with at most pieceRows rows of
// a source. Where a piece ends costs a look at two times in each source and a search
// in some; a history that is short enough is one piece. Pieces know nothing of each other: the processors decode one each, and
// the caller has them in turn. A piece of one source is decoded where it will be
// read. Of one of several, each source's part is decoded whole, and then gathered by
// stretches: late events, which make other sources look in for a row, cost a copy
// and no more. Rows that do not count fall out of the stretches.

// pieceRows is how many rows of a source a piece has at most, firstRows those of the
// first piece, for a caller who wants no more.
const (
	pieceRows = 4096
	firstRows = 512
)

// Columns is the changes and deletes of a key that the view sees and that are not
// retracted, in the stream's order, as runs of columns: History without folding,
// for those who compute with it. fields names those wanted; none stands for all. A
// run is valid until the loop asks for the next one or ends; its texts for ever. A
// run has one row at least.
//
// Of sealed files pages are decoded straight into columns by all processors, tens
// of millions of events a second.
func (v *View) Columns(stream, key string, fields ...string) iter.Seq2[*segment.Columns, error] {
	return func(yield func(*segment.Columns, error) bool) {
		s, err := v.stream(stream)
		if err == nil {
			r := columnReaders.Get().(*columnReader)
			r.begin(v, s, key, fields)
			err = r.all(yield)
			columnReaders.Put(r) // not where the caller panics: what reads ahead may still write to it
		}
		if err != nil {
			yield(nil, fmt.Errorf("columns of key %q of stream %q: %w", key, stream, err))
		}
	}
}

// columnReaders are kept for the next history, until the collector takes them. Short
// ones cost less to read than the memory for it, and that of a long one is megabytes.
var columnReaders = sync.Pool{New: func() any { return &columnReader{} }}

// begin makes r ready to read a history from its beginning.
func (r *columnReader) begin(v *View, s *stream, key string, only []string) {
	r.view, r.s, r.name, r.only = v, s, key, only
	r.gone, r.at, r.rows = nil, beginning, firstRows
	r.trail.files = nil
}

// all yields every run. Once the history is known to be long, the next pieces are
// decoded while the caller has the ones before.
func (r *columnReader) all(yield func(*segment.Columns, error) bool) error {
	for {
		pieces, err := r.some()
		if len(pieces) == 0 || err != nil {
			return err
		}
		if r.rows == pieceRows {
			return r.ahead(pieces, yield)
		}
		if !yieldAll(pieces, yield) {
			return nil
		}
	}
}

// ahead is all from pieces on, with the ones behind them decoded meanwhile.
func (r *columnReader) ahead(pieces []columnPiece, yield func(*segment.Columns, error) bool) (err error) {
	for len(pieces) > 0 && err == nil {
		var next []columnPiece
		var ahead sync.WaitGroup
		ahead.Go(func() { next, err = r.some() })
		more := yieldAll(pieces, yield)
		if ahead.Wait(); !more {
			return nil
		}
		pieces = next
	}
	return err
}

func yieldAll(pieces []columnPiece, yield func(*segment.Columns, error) bool) bool {
	for i := range pieces {
		if c := &pieces[i].into; c.Rows > 0 && !yield(c, nil) {
			return false
		}
	}
	return true
}

// columnReader reads a key's changes piece by piece.
type columnReader struct {
	view *View
	s    *stream
	name string
	only []string
	gone retracted
	at   stamp // where the last piece ends
	rows int   // of a source in the next piece

	// What was found in the files, as long as they are the current ones.
	trail   trail
	sources []columnSource

	pieces, before []columnPiece // those of the last some, and of the one before
}

// columnSource is changes that stand in the stream's order: of a sealed file, or,
// if its file is nil, those that no sealed file has.
type columnSource struct {
	part part
	live []version
	next int // the first that is in no piece yet
	end  int // of those that the view may see

	// What a piece may have, if that is known: the rows up to but not including to.
	known      bool
	to         int
	head, last stamp // of the first and of the last of them
}

// columnPiece is the rows from, to but not including to, of each source.
type columnPiece struct {
	spans []columnSpan
	parts []segment.Columns
	cuts  []segment.Stretch
	next  []int // memory of order
	into  segment.Columns
	err   error

	window segment.RowWindow // of the rows in log files
}

type columnSpan struct {
	source   *columnSource
	from, to int
}

// some is the next pieces; there are none at the end. The files are pinned
// meanwhile only.
func (r *columnReader) some() ([]columnPiece, error) {
	f, err := r.view.db.pin()
	if err != nil {
		return nil, err
	}
	defer f.unpin()
	if r.trail.files != f {
		if err := r.open(f); err != nil {
			return nil, err
		}
	}
	r.pieces, r.before = r.before, r.pieces
	want := 1
	if r.rows == pieceRows {
		want = runtime.GOMAXPROCS(0)
	}
	n := 0
	for ; n < want; n++ {
		if n == len(r.pieces) {
			r.pieces = append(r.pieces, columnPiece{})
		}
		if more, err := r.cut(&r.pieces[n]); !more || err != nil {
			if err != nil {
				return nil, err
			}
			break
		}
	}
	r.rows = min(2*r.rows, pieceRows)
	return r.pieces[:n], r.decode(r.pieces[:n])
}

// open finds the sources, behind what was read of them.
func (r *columnReader) open(f *files) (err error) {
	t := &r.trail
	t.follow(r.view.db, f, r.s, r.name, r.s.live.Get(r.name))
	if r.at == beginning {
		if r.gone, err = t.retracted(r.view.seq); err != nil {
			return err
		}
	}
	r.sources = r.sources[:0]
	for i, file := range slices.Backward(f.sealed) {
		in := r.s.in(file)
		if in == nil || file.Info().First > r.view.seq || in.MinTime > r.view.time {
			continue
		}
		p, err := t.part(i)
		if err != nil {
			return err
		}
		if p == nil || p.Changes == 0 {
			continue
		}
		c := columnSource{part: *p, end: p.Changes}
		if err := r.enter(&c); err != nil {
			return err
		}
		r.sources = append(r.sources, c)
		if p.Base == 1 {
			break // versions are dense: no older file has any
		}
	}
	slices.Reverse(r.sources)
	live := t.liveChanges(r.view.time, r.view.seq)
	next, _ := slices.BinarySearchFunc(live, r.at, func(v version, at stamp) int {
		if at.before(r.s.stamp(v.Time, v.Seq)) {
			return 1
		}
		return -1
	})
	r.sources = append(r.sources, columnSource{live: live, next: next, end: len(live)})
	return nil
}

// enter moves a source in a sealed file to its first change behind what was read,
// and finds the end of those that the view may see.
func (r *columnReader) enter(c *columnSource) (err error) {
	if r.at != beginning {
		n, _, ok, err := r.trail.next(&c.part, r.at)
		if c.next = n; !ok || err != nil {
			c.next = c.end
			return err
		}
	}
	switch {
	case r.s.Order == ByArrival && r.view.seq < c.part.Last:
		c.end, err = c.part.file.SearchSeq(&c.part.Keyed, r.view.seq)
	case r.s.Order == ByTime && r.view.time != latest:
		c.end, err = c.part.file.Search(&c.part.Keyed, r.view.time)
	}
	return err
}

// next is the first change of p behind the stamp from: its number, and its stamp.
func (t *trail) next(p *part, from stamp) (n int, at stamp, ok bool, err error) {
	if n, err = t.begin(p, &p.Keyed, from); err != nil {
		return 0, at, false, err
	}
	for ; n < p.Changes; n++ {
		s, err := p.file.Stamp(p.Row + uint64(n))
		if err != nil {
			return 0, at, false, err
		}
		if at = t.s.stamp(s.Time, s.Seq); from.before(at) {
			return n, at, true, nil
		}
	}
	return 0, at, false, nil
}

// liveChanges is the changes with Time ≤ at and Seq ≤ seq that are in no sealed
// file, in order.
func (t *trail) liveChanges(at int64, seq uint64) (all []version) {
	for run := t.runs(); run != nil; run = t.older(run) {
		for _, v := range run.Changes.All(at, seq) {
			all = append(all, version{Version: v})
		}
	}
	slices.SortFunc(all, func(a, b version) int { return t.s.compare(a.Version, b.Version) })
	return all
}

// stamp is that of change n of a source.
func (r *columnReader) stamp(c *columnSource, n int) (stamp, error) {
	if c.part.file == nil {
		return r.s.stamp(c.live[n].Time, c.live[n].Seq), nil
	}
	st, err := c.part.file.Stamp(c.part.Row + uint64(n))
	return r.s.stamp(st.Time, st.Seq), err
}

// cut makes p the next piece; it is false if there are no more rows.
func (r *columnReader) cut(p *columnPiece) (bool, error) {
	bound, more, err := r.bound()
	if !more || err != nil {
		return false, err
	}
	p.spans = p.spans[:0]
	for i := range r.sources {
		c := &r.sources[i]
		if c.next == c.end || bound.before(c.head) {
			continue
		}
		to, err := r.upTo(c, bound)
		if err != nil {
			return false, err
		}
		p.spans = append(p.spans, columnSpan{c, c.next, to})
		c.next, c.known = to, false
	}
	r.at = bound
	return true, nil
}

// bound is the stamp that the next piece ends with: the least one of those which
// would be the last ones of sources that go on, or else that of the very last row.
func (r *columnReader) bound() (bound stamp, more bool, err error) {
	end := beginning
	for i := range r.sources {
		c := &r.sources[i]
		if c.next == c.end {
			continue
		}
		if err := r.look(c); err != nil {
			return bound, false, err
		}
		switch more = true; {
		case c.to == c.end:
			if end.before(c.last) {
				end = c.last
			}
		case bound == beginning || c.last.before(bound):
			bound = c.last
		}
	}
	if bound == beginning {
		bound = end
	}
	return bound, more, nil
}

// look finds out which rows of a source the next piece has at most.
func (r *columnReader) look(c *columnSource) (err error) {
	if c.known {
		return nil
	}
	c.to = min(c.next+r.rows, c.end)
	if c.head, err = r.stamp(c, c.next); err != nil {
		return err
	}
	c.last = c.head
	if c.to > c.next+1 {
		c.last, err = r.stamp(c, c.to-1)
	}
	c.known = err == nil
	return err
}

// upTo is where the changes of a source end that are not behind the stamp bound.
func (r *columnReader) upTo(c *columnSource, bound stamp) (int, error) {
	to := c.to
	if !bound.before(c.last) {
		return to, nil
	}
	if c.part.file == nil {
		n, _ := slices.BinarySearchFunc(c.live[c.next:to], bound, func(v version, at stamp) int {
			if at.before(r.s.stamp(v.Time, v.Seq)) {
				return 1
			}
			return -1
		})
		return c.next + n, nil
	}
	k := c.part.Keyed
	k.Row, k.Changes = k.Row+uint64(c.next), to-c.next
	if r.s.Order == ByArrival {
		n, err := c.part.file.SearchSeq(&k, bound.seq)
		return c.next + n, err
	}
	at := bound.time // of an older source all of that time come before the bound
	if c.part.file.Info().First > bound.seq {
		if at == math.MinInt64 {
			return c.next, nil
		}
		at--
	}
	n, err := c.part.file.Search(&k, at)
	return c.next + n, err
}

// decode decodes the pieces, one a processor.
func (r *columnReader) decode(pieces []columnPiece) error {
	switch len(pieces) {
	case 0:
		return nil
	case 1:
		return r.piece(&pieces[0])
	}
	var others sync.WaitGroup
	for i := range pieces {
		if p := &pieces[i]; i+1 < len(pieces) {
			others.Go(func() { p.err = r.piece(p) })
		} else {
			p.err = r.piece(p)
		}
	}
	others.Wait()
	for i := range pieces {
		if err := pieces[i].err; err != nil {
			return err
		}
	}
	return nil
}

// piece decodes one.
func (r *columnReader) piece(p *columnPiece) error {
	p.into.Only = r.only
	if len(p.spans) == 1 {
		if file := p.spans[0].source.part.file; file != nil && r.allCount(file) {
			return r.span(p, &p.spans[0], &p.into)
		}
	}
	for len(p.parts) < len(p.spans) {
		p.parts = append(p.parts, segment.Columns{})
	}
	for i := range p.spans {
		p.parts[i].Only = r.only
		if err := r.span(p, &p.spans[i], &p.parts[i]); err != nil {
			return err
		}
	}
	p.order(r.s.Order)
	r.sift(p)
	p.into.Gather(p.parts[:len(p.spans)], p.cuts)
	return nil
}

// span decodes the rows of one source.
func (r *columnReader) span(p *columnPiece, s *columnSpan, into *segment.Columns) error {
	if part := &s.source.part; part.file != nil {
		return part.file.Columns(part.Row+uint64(s.from), s.to-s.from, into)
	}
	into.Clear()
	p.window.Forget()
	for i := s.from; i < s.to; i++ {
		v := &s.source.live[i]
		at := place(v.Place)
		row, err := p.window.Row(r.trail.files.log(at.file()).Log, at.offset())
		if err == nil {
			err = into.Add(&segment.SealedRow{Row: row, Seq: v.Seq, Time: v.Time, Recorded: v.Time + row.Lag})
		}
		if err != nil {
			return fmt.Errorf("read event %d: %w", v.Seq, err)
		}
	}
	return nil
}

// order cuts the rows of the parts into stretches of the stream's order.
func (p *columnPiece) order(o Order) {
	p.cuts = p.cuts[:0]
	next := slices.Grow(p.next[:0], len(p.spans))[:len(p.spans)]
	clear(next)
	p.next = next
	if o == ByArrival {
		for i := range p.spans {
			p.cuts = append(p.cuts, segment.Stretch{Part: i, To: p.parts[i].Rows})
		}
		return
	}
	for {
		first, second := -1, -1
		for i := range p.spans {
			switch {
			case next[i] == p.parts[i].Rows:
			case first < 0 || p.parts[i].Time[next[i]] < p.parts[first].Time[next[first]]:
				first, second = i, first
			case second < 0 || p.parts[i].Time[next[i]] < p.parts[second].Time[next[second]]:
				second = i
			}
		}
		if first < 0 {
			return
		}
		from, to := next[first], p.parts[first].Rows
		if second >= 0 {
			bound := p.parts[second].Time[next[second]]
			to = from + 1 + ahead(p.parts[first].Time[from+1:to], bound, first < second)
		}
		p.cuts = append(p.cuts, segment.Stretch{Part: first, From: from, To: to})
		next[first] = to
	}
}

// ahead is how many of the times, which rise, come before the bound, or at it.
func ahead(times []int64, bound int64, at bool) (n int) {
	if at && bound < math.MaxInt64 {
		bound++
	} else if at {
		return len(times)
	}
	for n < len(times) && times[n] < bound {
		n++
	}
	return n
}

// allCount reports whether all rows of a sealed file that are in a piece count.
func (r *columnReader) allCount(f *segment.Sealed) bool {
	return len(r.gone) == 0 && f.Info().Last <= r.view.seq && (r.s.Order == ByTime || r.view.time == latest)
}

// sift leaves those rows out of the stretches that the view does not see or that
// are retracted.
func (r *columnReader) sift(p *columnPiece) {
	if !slices.ContainsFunc(p.spans, func(s columnSpan) bool {
		file := s.source.part.file
		return len(r.gone) > 0 || file != nil && !r.allCount(file)
	}) {
		return
	}
	var kept []segment.Stretch
	for _, c := range p.cuts {
		part := &p.parts[c.Part]
		from := c.From
		for i := c.From; i < c.To; i++ {
			if uint64(part.Seq[i]) <= r.view.seq && part.Time[i] <= r.view.time && !r.gone.has(uint64(part.Seq[i])) {
				continue
			}
			if from < i {
				kept = append(kept, segment.Stretch{Part: c.Part, From: from, To: i})
			}
			from = i + 1
		}
		if from < c.To {
			kept = append(kept, segment.Stretch{Part: c.Part, From: from, To: c.To})
		}
	}
	p.cuts = kept
}
