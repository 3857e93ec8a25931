package segment

import "slices"

const (
	// maxPage bounds a page. A block of rows has 4096 events, whose texts in one
	// column stand in one page.
	maxPage = 1 << 30

	// sideText is how many bytes of text end a block of a table other than that of
	// rows, so that checkpoints and bitmaps come in pages of a size that is read at
	// once.
	sideText = 64 << 10
)

// sideTable collects a block of a table other than that of rows.
type sideTable struct {
	ints  [][]int64 // by column
	texts []texts
	bytes int // of its texts
}

func (t *sideTable) init(table int) {
	if t.ints == nil {
		columns := sideTables[table].columns
		t.ints, t.texts = make([][]int64, len(columns)), make([]texts, len(columns))
	}
}

// reset empties t and keeps its memory.
func (t *sideTable) reset() {
	for col := range t.ints {
		t.ints[col] = t.ints[col][:0]
		t.texts[col].reset()
	}
	t.bytes = 0
}

func (t *sideTable) addText(col int, s string) {
	v := &t.texts[col]
	v.codes = append(v.codes, uint32(len(v.dict)))
	v.dict = append(v.dict, s)
}

// grown is called after each row that was added, and writes the block if it is
// full.
func (w *sealedWriter) grown(table, bytes int) {
	t := &w.sides[table]
	t.bytes += bytes
	if len(t.ints[0]) == blockRows || t.bytes >= sideText {
		w.flushTable(table)
	}
}

// flushTable writes the rows collected as a block.
func (w *sealedWriter) flushTable(table int) {
	t := &w.sides[table]
	n := len(t.ints[0])
	if n == 0 || w.err != nil {
		return
	}
	def := &sideTables[table]
	var text string
	if def.text >= 0 {
		text = t.texts[def.text].dict[0]
	}
	w.directory.begin(table, n, len(def.columns), t.ints[def.fence][0], text)
	for col, c := range def.columns {
		start := w.begin()
		w.buf = append(w.buf, 0)
		switch {
		case c.kind == textPages:
			w.buf = appendTexts(w.buf, &t.texts[col])
		case table == keysTable:
			w.buf = appendDirect(w.buf, t.ints[col], surveyInts(t.ints[col]))
		default:
			w.buf = appendInts(w.buf, t.ints[col])
		}
		w.directory.page(table, 0, w.end(start))
		t.ints[col] = t.ints[col][:0]
		t.texts[col] = texts{t.texts[col].codes[:0], t.texts[col].dict[:0]}
	}
	t.bytes = 0
}

// complete writes what stands behind the rows.
func (w *sealedWriter) complete() {
	if w.rows != w.info.Rows || w.announced != w.rows {
		w.fault("%d rows and keys of %d, want %d", w.rows, w.announced, w.info.Rows)
		return
	}
	if w.info.Batches == 0 {
		w.fault("there are no batches")
		return
	}
	w.writeIDs()
	for table := keysTable; table <= postingTable; table++ {
		w.flushTable(table)
	}
	w.writeFilter(keyFilter, w.keys)
	entries := make([]uint32, len(w.ids))
	for i, id := range w.ids {
		entries[i] = uint32(id >> 32)
	}
	w.writeFilter(idFilter, entries)
	w.writeFilter(lateFilter, w.late)
	w.info.Late = uint64(len(w.late))
	zones := w.writeZones()
	w.sumStreams()
	var t trailer
	start := w.begin()
	w.buf = w.directory.append(append(w.buf, 0), w.fields, w.shapes, zones)
	t.directory = w.end(start)
	start = w.begin()
	w.buf = appendInfo(append(w.buf, 0), &w.info)
	t.summary = w.end(start)
	w.buf = appendTrailer(w.buf, w.salt, t)
}

// writeIDs sorts the IDs by hash. Equal hashes stand in row order.
func (w *sealedWriter) writeIDs() {
	slices.Sort(w.ids)
	w.info.IDs = uint64(len(w.ids))
	t := &w.sides[idTable]
	for _, id := range w.ids {
		t.ints[0] = append(t.ints[0], int64(id>>32))
		t.ints[1] = append(t.ints[1], int64(uint32(id)))
		w.grown(idTable, 0)
	}
}

// writeFilter writes a filter in pages, whose rows are its blocks.
func (w *sealedWriter) writeFilter(table int, entries []uint32) {
	f := makeFilter(entries)
	for len(f) > 0 {
		n := min(len(f), filterPage)
		start := w.begin()
		w.buf = append(append(w.buf, 0), f[:n]...)
		w.directory.begin(table, n/filterBlock, 1, 0, "")
		w.directory.page(table, 0, w.end(start))
		f = f[n:]
	}
}

// writeZones writes the statistics of each column's pages.
func (w *sealedWriter) writeZones() []pagePlace {
	places := make([]pagePlace, len(w.zones))
	for i, z := range w.zones {
		if len(z) == 0 {
			continue
		}
		start := w.begin()
		w.buf = append(append(w.buf, 0), z...)
		places[i] = w.end(start)
	}
	return places
}

// sumStreams adds up what the streams have.
func (w *sealedWriter) sumStreams() {
	first := true
	for i := range w.info.Streams {
		s := &w.info.Streams[i]
		if s.Rows == 0 {
			continue
		}
		w.info.Retractions += s.Retractions
		if first || s.MinTime < w.info.MinTime {
			w.info.MinTime = s.MinTime
		}
		if first || s.MaxTime > w.info.MaxTime {
			w.info.MaxTime = s.MaxTime
		}
		first = false
	}
}

// block writes the next n rows: cols by column number, a zero vector (or none)
// where no row has a value. Times and versions are absolute. Every block but the
// last has blockRows rows.
func (w *sealedWriter) block(n int, cols []vector) error {
	if n < 1 || n > blockRows || w.rows%blockRows != 0 {
		w.fault("a block of %d rows behind %d", n, w.rows)
	}
	if w.rows+uint64(n) > w.announced {
		w.fault("rows up to %d, keys have %d", w.rows+uint64(n), w.announced)
	}
	if w.err == nil {
		w.checkBlock(n, cols)
	}
	if w.err != nil {
		return w.err
	}
	w.countRows(n, cols)
	pages := 0
	for i := range cols {
		if cols[i].len() > 0 {
			pages++
		}
	}
	w.directory.begin(rowTable, n, pages, 0, "")
	next := 0
	for i := range cols {
		if cols[i].len() > 0 {
			w.directory.page(rowTable, i-next, w.writeColumn(i, n, &cols[i]))
			next = i + 1
			if w.err == nil && w.pause != nil {
				w.err = w.pause()
			}
		}
	}
	w.rows += uint64(n)
	return w.err
}

// len is the number of values.
func (v *vector) len() int { return max(len(v.ints), len(v.floats), len(v.texts.codes)) }

// checkBlock looks for what the caller cannot mean.
func (w *sealedWriter) checkBlock(n int, cols []vector) {
	if len(cols) <= colType {
		w.fault("a block of %d columns", len(cols))
		return
	}
	if len(cols) > firstField+len(w.fields) {
		w.fault("a block of %d columns of %d", len(cols), firstField+len(w.fields))
		return
	}
	for i := range cols {
		v := &cols[i]
		want := n
		if len(v.rows) > 0 {
			want = len(v.rows)
			if int(v.rows[want-1]) >= n {
				w.fault("column %d has a value in row %d of %d", i, v.rows[want-1], n)
			}
		}
		have := v.len()
		if have != want && have > 0 || i <= colType && (have != n) {
			w.fault("column %d has %d values of %d", i, have, want)
		}
		if have > 0 && i >= firstField && pagesOf(w.fields[i-firstField].kind) == noPages {
			w.fault("column %d has values and is null", i)
		}
	}
}

// kind says how the values of a column are stored.
func (w *sealedWriter) kind(col int) pageKind {
	if col < firstField {
		return rowColumns[col].kind
	}
	return pagesOf(w.fields[col-firstField].kind)
}

// writeColumn writes a page and notes its statistics.
func (w *sealedWriter) writeColumn(col, n int, v *vector) pagePlace {
	kind := w.kind(col)
	start := w.begin()
	w.buf = append(w.buf, 0)
	if len(v.rows) > 0 && len(v.rows) < n {
		w.buf, w.buf[start+pageHead] = appendPresence(w.buf, v.rows, n)
	}
	var z zone
	switch kind {
	case intPages:
		s := surveyInts(v.ints)
		z = s.zone(v.ints)
		w.appendIntColumn(start, col, v, s)
	case floatPages:
		z = floatZone(v.floats)
		w.buf = appendFloats(w.buf, v.floats)
	default:
		z = textZone(&v.texts)
		w.buf = appendTexts(w.buf, &v.texts)
	}
	w.zones[col] = z.append(w.zones[col], kind)
	return w.end(start)
}

// appendIntColumn appends the values of v, which s is the survey of.
func (w *sealedWriter) appendIntColumn(start, col int, v *vector, s survey) {
	switch col {
	case colSeq:
		w.buf = appendDirect(w.buf, v.ints, s)
	case colTime:
		w.appendTimes(start, v, s)
	case colVersion:
		w.ints = append(w.ints[:0], v.ints...)
		rebase(w.ints, w.pendingRuns(len(v.ints)), w.rows, false)
		w.buf = appendInts(w.buf, w.ints)
	default:
		w.buf = appendSurveyed(w.buf, v.ints, s)
	}
}

// appendTimes writes times as they are or against the clock, whichever is
// shorter. The column of positions is that of the same block.
func (w *sealedWriter) appendTimes(start int, v *vector, s survey) {
	w.buf = appendSurveyed(w.buf, v.ints, s)
	if len(w.clock.pieces) == 0 {
		return
	}
	plain := len(w.buf)
	w.buf = appendInts(w.buf, w.more)
	if len(w.buf)-plain >= plain-start-pageHead-1 {
		w.buf = w.buf[:plain]
		return
	}
	n := copy(w.buf[start+pageHead+1:], w.buf[plain:])
	w.buf = w.buf[:start+pageHead+1+n]
	w.buf[start+pageHead] |= pageRelative
}

// pendingRuns are the keys with rows among the next n.
func (w *sealedWriter) pendingRuns(n int) []keyRun {
	end := w.rows + uint64(n)
	i := 0
	for i < len(w.pending) && w.pending[i].row < end {
		i++
	}
	return w.pending[:i]
}

// rebase makes versions of the rows from row on small, or, back, what they were:
// the difference to the version that the row would have, were the rows of its key
// in the order of their positions.
func rebase(v []int64, runs []keyRun, row uint64, back bool) {
	for _, k := range runs {
		from, to := max(k.row, row), min(k.end, row+uint64(len(v)))
		expect := int64(k.base + (from - k.row))
		for i := from - row; i < to-row; i++ {
			if back {
				v[i] += expect
			} else {
				v[i] -= expect
			}
			expect++
		}
	}
}

// countRows takes the block's rows into the statistics of their streams, gathers
// IDs and computes times against the clock.
func (w *sealedWriter) countRows(n int, cols []vector) {
	w.retire()
	seqs, times := cols[colSeq].ints, cols[colTime].ints
	w.more = slices.Grow(w.more[:0], n)[:n]
	for i, t := range times {
		w.more[i] = t - w.clock.at(uint64(seqs[i]))
	}
	for _, k := range w.pendingRuns(n) {
		from, to := max(k.row, w.rows)-w.rows, min(k.end, w.rows+uint64(n))-w.rows
		s := &w.info.Streams[k.stream]
		if s.Changes+s.Deletes+s.Heartbeats+s.Retractions == 0 {
			s.MinTime, s.MaxTime = times[from], times[from]
		}
		least := slices.Min(times[from:to])
		s.MinTime = min(s.MinTime, least)
		if n := len(w.late); least < s.Settled && (n == 0 || w.late[n-1] != k.hash) {
			w.late = append(w.late, k.hash)
		}
		s.MaxTime = max(s.MaxTime, slices.Max(times[from:to]))
		s.countKinds(cols[colFlags].ints[from:to])
	}
	if len(cols) > colID && cols[colID].len() > 0 {
		w.gatherIDs(&cols[colID])
	}
}

func (s *SealedStream) countKinds(flags []int64) {
	for _, f := range flags {
		switch Kind(f & kindBits) {
		case Change:
			s.Changes++
			s.Unchanged += uint64(f >> 3 & 1)
		case Delete:
			s.Deletes++
		case Heartbeat:
			s.Heartbeats++
		default:
			s.Retractions++
		}
	}
}

// retire forgets keys whose rows are all written.
func (w *sealedWriter) retire() {
	i := 0
	for i < len(w.pending) && w.pending[i].end <= w.rows {
		i++
	}
	w.pending = slices.Delete(w.pending, 0, i)
}

func (w *sealedWriter) gatherIDs(v *vector) {
	runs := w.pending
	for j, code := range v.texts.codes {
		row := w.rows + uint64(j)
		if len(v.rows) > 0 {
			row = w.rows + uint64(v.rows[j])
		}
		for runs[0].end <= row {
			runs = runs[1:]
		}
		hash := Hash(runs[0].number, v.texts.dict[code])
		w.ids = append(w.ids, hash>>32<<32|row)
		w.info.Streams[runs[0].stream].IDs++
	}
}
