package fuzz

import (
	"fmt"
	"iter"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// columns compares the columns of a key with the events that they are made of.
func (o *oracle) columns(p pair, stream, key string) error {
	what := fmt.Sprintf("columns of %s/%s at %s", stream, key, p)
	if err := compareAll(what, columnRows(p.view.Columns(stream, key)), p.point.columnRows(stream, key, ""), showText); err != nil {
		return err
	}
	return compareAll(what+" of field x", columnRows(p.view.Columns(stream, key, "x")), p.point.columnRows(stream, key, "x"), showText)
}

func showText(s string) string { return s }

// columnRows is each row of columns as a text.
func columnRows(all iter.Seq2[*segment.Columns, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for c, err := range all {
			if err != nil {
				yield("", err)
				return
			}
			for i := range c.Rows {
				if !yield(columnRow(c, i), nil) {
					return
				}
			}
		}
	}
}

func columnRow(c *segment.Columns, i int) string {
	stamp := c.Stamp(i)
	var fields store.Fields
	for j := range c.Fields {
		f := &c.Fields[j]
		if at, ok := f.Find(i); ok {
			fields = append(fields, store.Field{Name: f.Name, Value: f.Value(at)})
		}
	}
	return showColumnRow(stamp, c.Version[i], c.Recorded[i], c.Types.At(i), fields)
}

// showColumnRow leaves out the fields of a row that stands for another one.
func showColumnRow(s segment.Stamp, version, recorded int64, typ string, fields store.Fields) string {
	if s.Unchanged {
		fields = nil
	}
	return fmt.Sprintf("%+v v%d recorded %d type %q %s", s, version, recorded, typ, showFields(byName(fields)))
}

// columnRows is the changes and deletes of a key that count, in order; with the
// field of that name only, or with all.
func (p Point) columnRows(stream, key, field string) []string {
	var rows []string
	for _, e := range p.entries(stream, key) {
		if e.said.Kind != store.Change && e.said.Kind != store.Delete || !p.counts(e.said) {
			continue
		}
		stamp := segment.Stamp{Time: e.said.Time.UnixNano(), Seq: e.said.Seq, Kind: e.said.Kind, Unchanged: e.shown.Kind != e.said.Kind}
		fields := e.said.Fields
		if v, ok := fields.Get(field); field != "" {
			if fields = nil; ok {
				fields = store.Fields{{Name: field, Value: v}}
			}
		}
		rows = append(rows, showColumnRow(stamp, int64(e.said.Version), e.said.Recorded.UnixNano(), e.said.Type, fields))
	}
	return rows
}
