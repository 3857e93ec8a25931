package segment

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"time"
)

// Dump writes what the file is made of for a person to read: summary, streams,
// tables, and for each column its pages, bytes, encodings and the range of its
// values. It reads every page, past the cache.
func (s *Sealed) Dump(w io.Writer) error {
	own := &Sealed{Path: s.Path, cache: NewCache(verifyCache), file: s.file, salt: s.salt, info: s.info, end: s.end}
	d, err := own.opened()
	if err != nil {
		return err
	}
	out := dumper{Writer: bufio.NewWriter(w), s: own, d: d}
	out.head()
	for i := range d.tables {
		if err := out.table(i); err != nil {
			return err
		}
	}
	return out.Flush()
}

type dumper struct {
	*bufio.Writer
	s *Sealed
	d *directory
}

func (o *dumper) line(format string, args ...any) { fmt.Fprintf(o, format+"\n", args...) }

func instantText(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// head is what the header, the trailer and the summary say.
func (o *dumper) head() {
	i := &o.s.info
	o.line("file       %s", o.s.Path)
	o.line("format     version %d, salt %08x", sealedVersion, o.s.salt)
	o.line("database   %x, created %s", i.Database, instantText(i.Created))
	o.line("positions  %d to %d", i.First, i.Last)
	o.line("recorded   %s to %s in %d batches", instantText(i.FirstRecorded), instantText(i.LastRecorded), i.Batches)
	o.line("times      %s to %s", instantText(i.MinTime), instantText(i.MaxTime))
	o.line("rows       %d of %d keys, %d with an ID", i.Rows, i.Keys, i.IDs)
	o.line("bytes      %d, %.2f a row", i.Bytes, float64(i.Bytes)/float64(i.Rows))
	o.line("summary    %d bytes at %d", o.s.end.summary.length, o.s.end.summary.offset)
	o.line("directory  %d bytes at %d: %d pages, %d fields, %d shapes", o.s.end.directory.length, o.s.end.directory.offset, len(o.d.places), len(o.d.fields), len(o.d.shapes))
	for j := range i.Streams {
		st := &i.Streams[j]
		o.line("stream %d   %q fold %q by arrival %t only changes %t", st.Def.Number, st.Def.Name, st.Def.Fold, st.Def.ByArrival, st.Def.OnlyChanges)
		if st.Rows == 0 {
			o.line("           no rows")
			continue
		}
		o.line("           %d rows: %d changes (%d unchanged), %d deletes, %d heartbeats, %d retractions", st.Rows, st.Changes, st.Unchanged, st.Deletes, st.Heartbeats, st.Retractions)
		o.line("           %d keys %.40q to %.40q", st.Keys, st.FirstKey, st.LastKey)
		o.line("           times %s to %s", instantText(st.MinTime), instantText(st.MaxTime))
	}
}

// table is a table, column by column.
func (o *dumper) table(i int) error {
	t := &o.d.tables[i]
	o.line("table %s: %d rows in %d blocks", sideTables[i].name, t.rows, t.len())
	for col, kind := range t.kinds {
		name := o.columnName(i, col)
		if kind == noPages {
			o.line("  %s", name)
			continue
		}
		if err := o.column(t, i, col, name); err != nil {
			return err
		}
	}
	return nil
}

// columnName is the name of a column; those of fields have their kind.
func (o *dumper) columnName(table, col int) string {
	switch {
	case table != rowTable:
		return sideTables[table].columns[col].name
	case col < firstField:
		return rowColumns[col].name
	}
	f := o.d.fields[col-firstField]
	return fmt.Sprintf("field %q %s", f.name, f.kind)
}

// column is what the pages of a column are.
func (o *dumper) column(t *table, table, col int, name string) error {
	pages, bytes := 0, int64(0)
	encodings := map[string]int{}
	for b := range t.len() {
		slot := o.d.slot(t, b, col)
		if slot < 0 {
			continue
		}
		p, err := o.s.load(o.d, slot, t.blockLen(b))
		if err != nil {
			return err
		}
		pages++
		bytes += int64(o.d.places[slot].length)
		encodings[p.encoding()]++
	}
	o.line("  %s: %d pages, %d bytes, %.2f a row%s", name, pages, bytes, float64(bytes)/float64(max(t.rows, 1)), o.statistics(table, col))
	names := make([]string, 0, len(encodings))
	for e := range encodings {
		names = append(names, e)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		return encodings[a] > encodings[b] || encodings[a] == encodings[b] && a < b
	})
	const most = 8
	for i, e := range names {
		if i == most {
			o.line("    and %d others", len(names)-most)
			break
		}
		o.line("    %d× %s", encodings[e], e)
	}
	return nil
}

// encoding is how a page is stored, for a person to read.
func (p *page) encoding() (name string) {
	switch p.kind {
	case intPages:
		name = p.ints.name()
	case floatPages:
		name = p.floats.name()
	case textPages:
		name = p.texts.name()
	default:
		return "bits"
	}
	if p.relative {
		name += ", against the clock"
	}
	if p.sparse != nil {
		name += ", sparse"
	}
	return name
}

// statistics is what the zones of a column of rows come to.
func (o *dumper) statistics(table, col int) string {
	if table != rowTable || o.d.zones[col] < 0 {
		return ""
	}
	zones, err := o.s.zonesOf(col)
	if err != nil {
		return ", statistics: " + err.Error()
	}
	var all zone
	for i := range zones {
		all.join(&zones[i], o.d.tables[rowTable].kinds[col])
	}
	switch o.d.tables[rowTable].kinds[col] {
	case intPages:
		return fmt.Sprintf(", %d values, %d to %d", all.count, all.min, all.max)
	case floatPages:
		return fmt.Sprintf(", %d values, %d NaN, %g to %g", all.count, all.nans, all.fmin, all.fmax)
	}
	return fmt.Sprintf(", %d values, %q to %q", all.count, all.tmin, all.tmax)
}

// join takes the values that z describes into a. Sums are left out.
func (a *zone) join(z *zone, kind pageKind) {
	switch {
	case z.count == 0:
		return
	case a.count == 0:
		*a = *z
		return
	}
	a.count += z.count
	a.nans += z.nans
	switch kind {
	case intPages:
		a.min, a.max = min(a.min, z.min), max(a.max, z.max)
	case floatPages:
		a.fmin, a.fmax = min(a.fmin, z.fmin), max(a.fmax, z.fmax)
	default:
		a.tmin, a.tmax = min(a.tmin, z.tmin), max(a.tmax, z.tmax)
	}
}
