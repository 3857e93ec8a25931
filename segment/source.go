package segment

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/annalsdb/annals/index"
)

// Columns that rows of a sealed file have beside their fields, for predicates.
// Fields are columns by their own names, which are UTF-8; these are not.
const (
	ColumnStream   = "\xffstream"   // string: the stream's name
	ColumnKey      = "\xffkey"      // string
	ColumnSeq      = "\xffseq"      // int64
	ColumnTime     = "\xfftime"     // time
	ColumnRecorded = "\xffrecorded" // time: the commit time
	ColumnVersion  = "\xffversion"  // int64
	ColumnKind     = "\xffkind"     // int64: the [Kind] that is shown, a heartbeat where the event is unchanged
	ColumnType     = "\xfftype"     // string, "" for none
	ColumnID       = "\xffid"       // string; events without an ID have no value
)

// storedColumns are those of them that have pages.
var storedColumns = map[string]struct {
	col  int
	kind index.Kind
}{
	ColumnSeq:     {colSeq, index.Int64},
	ColumnTime:    {colTime, index.Time},
	ColumnVersion: {colVersion, index.Int64},
	ColumnKind:    {colFlags, index.Int64},
	ColumnType:    {colType, index.String},
	ColumnID:      {colID, index.String},
}

// Same is the predicate that a row has the field as it is: with the same kind and
// bits. No row has one that cannot be stored.
func (f *Field) Same() index.Predicate {
	if (Fields{*f}).check() != nil {
		return index.Or{}
	}
	return index.Same{Column: f.Name, Value: f.Value.Literal()}
}

// Literal is v for a predicate: what index.Literal.Compare says of two of them is
// how values compare everywhere. Kinds have the same numbers there. Nothing is
// copied. A value that cannot be stored is null.
func (v Value) Literal() index.Literal {
	switch v.kind {
	case BoolValue:
		return index.BoolOf(v.Bool())
	case Int64Value:
		return index.Int64Of(int64(v.bits))
	case Float64Value:
		return index.Float64Of(v.Float64())
	case StringValue:
		return index.StringOf(v.text)
	case BytesValue:
		return index.BytesOf(v.text)
	case TimeValue:
		return index.TimeOf(int64(v.bits))
	case JSONValue:
		return index.JSONOf(v.text)
	}
	return index.Literal{}
}

// source is a sealed file as [index.Select] sees it.
type source struct {
	s *Sealed
	d *directory
}

// Rows implements [index.Source].
func (s source) Rows() uint32 { return uint32(s.s.info.Rows) }

// BlockRows implements [index.Source].
func (s source) BlockRows() int { return blockRows }

// column is the number of a column that has pages, -1 if there is none with values
// of that kind.
func (d *directory) column(name string, kind index.Kind) int {
	if c, ok := storedColumns[name]; ok {
		if c.kind != kind {
			return -1
		}
		return c.col
	}
	for i, f := range d.fields {
		if f.name == name && f.kind == ValueKind(kind) {
			return firstField + i
		}
	}
	return -1
}

// Zones implements [index.Source].
func (s source) Zones(column string, kind index.Kind) ([]index.Zone, error) {
	if column == ColumnStream || column == ColumnKey {
		if kind != index.String {
			return nil, nil
		}
		return s.names(column == ColumnKey)
	}
	if column == ColumnRecorded && kind == index.Time {
		return s.recorded(), nil
	}
	col := s.d.column(column, kind)
	if col < 0 {
		return nil, nil
	}
	stored, err := s.s.zonesOf(col)
	if stored == nil || err != nil {
		return nil, err
	}
	zones := make([]index.Zone, len(stored))
	for i := range stored {
		switch z := &stored[i]; {
		case z.count == 0:
		case col == colFlags:
			zones[i] = z.ofFlags()
		default:
			zones[i] = z.of(ValueKind(kind))
		}
	}
	return zones, nil
}

// recorded is the zones of the commit times, of which only the file's first and last
// are known.
func (s source) recorded() []index.Zone {
	zones := make([]index.Zone, s.s.blocks())
	for b := range zones {
		zones[b] = index.Zone{Count: uint32(s.s.blockLen(b)), Min: index.TimeOf(s.s.info.FirstRecorded), Max: index.TimeOf(s.s.info.LastRecorded)}
	}
	return zones
}

// of is z, of values of a kind, for a predicate.
func (z *zone) of(kind ValueKind) index.Zone {
	lo, hi := Value{kind: kind}, Value{kind: kind}
	o := index.Zone{Count: z.count}
	switch pagesOf(kind) {
	case intPages:
		lo.bits, hi.bits = uint64(z.min), uint64(z.max)
	case floatPages:
		o.NaNs = z.nans
		o.Min, o.Max = index.Float64Of(z.fmin), index.Float64Of(z.fmax)
		return o
	default:
		lo.text, hi.text = z.tmin, z.tmax
		o.Cut = len(z.tmax) == zonePrefix
	}
	o.Min, o.Max = lo.Literal(), hi.Literal()
	return o
}

// ofFlags is z, of flags, as one of the kinds that they show.
func (z *zone) ofFlags() index.Zone {
	lo, hi := z.min, z.max
	if hi >= flagsUnchanged { // in the order of flags they come behind all others
		lo, hi = int64(Change), int64(Retraction)
	}
	return index.Zone{Count: z.count, Min: index.Int64Of(lo), Max: index.Int64Of(hi)}
}

// shown is the kind that an event with these flags is shown as.
func shown(flags int64) Kind {
	if flags&flagsUnchanged != 0 {
		return Heartbeat
	}
	return Kind(flags & kindBits)
}

// streamRows is where the rows of each stream begin, and the end.
func (s *Sealed) streamRows() ([]uint64, error) {
	starts := make([]uint64, 1, len(s.info.Streams)+1)
	end := uint64(0)
	for i := range s.info.Streams {
		end += min(s.info.Streams[i].Rows, maxSealedRows)
		starts = append(starts, end)
	}
	if end != s.info.Rows {
		return nil, s.corrupt(s.end.summary.offset, fmt.Sprintf("the streams have %d rows, the file has %d", end, s.info.Rows))
	}
	return starts, nil
}

// names is the zones of the streams' names, or of the keys: these are sorted
// within a stream, so the first and the last one in a block say it.
func (s source) names(keys bool) ([]index.Zone, error) {
	starts, err := s.s.streamRows()
	if err != nil {
		return nil, err
	}
	zones := make([]index.Zone, s.s.blocks())
	for i := range s.s.info.Streams {
		for row, end := starts[i], starts[i+1]; row < end; {
			z := &zones[row/blockRows]
			last := min(end, (row/blockRows+1)*blockRows) - 1
			z.Count += uint32(last - row + 1)
			first, greatest := s.s.info.Streams[i].Def.Name, s.s.info.Streams[i].Def.Name
			if keys {
				if first, err = s.key(row); err != nil {
					return nil, err
				}
				if greatest, err = s.key(last); err != nil {
					return nil, err
				}
			}
			widen(z, first, greatest)
			row = last + 1
		}
	}
	return zones, nil
}

// key is the name of the key that has row.
func (s source) key(row uint64) (string, error) {
	b, i, err := s.s.ownerOf(s.d, row)
	if err != nil {
		return "", err
	}
	return s.s.keyName(s.d, b, i)
}

// widen takes least and greatest into z.
func widen(z *index.Zone, least, greatest string) {
	if z.Min.Kind() == index.Null || least < z.Min.Text() {
		z.Min = index.StringOf(least)
	}
	if z.Max.Kind() == index.Null || greatest > z.Max.Text() {
		z.Max = index.StringOf(greatest)
	}
}

// Posting implements [index.Source].
func (s source) Posting(column string, value index.Literal) (*roaring.Bitmap, bool, error) {
	if value.Kind() != index.String {
		return nil, false, nil
	}
	switch column {
	case ColumnStream:
		return s.rowsOfStream(value.Text())
	case ColumnKey:
		return s.rowsOfKey(value.Text())
	}
	col := s.d.column(column, index.String)
	if col < 0 {
		return nil, false, nil
	}
	b, ok, err := s.s.Posting(col, value.Text())
	if !ok || err != nil {
		return nil, false, err
	}
	rows, err := index.OpenBitmap(b)
	if err == nil && !rows.IsEmpty() && uint64(rows.Maximum()) >= s.s.info.Rows {
		err = fmt.Errorf("a bitmap has row %d of %d", rows.Maximum(), s.s.info.Rows)
	}
	if err != nil {
		return nil, false, s.s.corrupt(s.s.end.directory.offset, err.Error())
	}
	return rows, true, nil
}

func (s source) rowsOfStream(name string) (*roaring.Bitmap, bool, error) {
	starts, err := s.s.streamRows()
	if err != nil {
		return nil, false, err
	}
	rows := roaring.New()
	for i := range s.s.info.Streams {
		if s.s.info.Streams[i].Def.Name == name {
			rows.AddRange(starts[i], starts[i+1])
		}
	}
	return rows, true, nil
}

// rowsOfKey is the rows of the key of that name in any stream.
func (s source) rowsOfKey(name string) (*roaring.Bitmap, bool, error) {
	rows := roaring.New()
	for i := range s.s.info.Streams {
		number := s.s.info.Streams[i].Def.Number
		k, ok, err := s.s.Key(number, name, Hash(number, name))
		if err != nil {
			return nil, false, err
		}
		if ok {
			rows.AddRange(k.Row, k.Row+uint64(k.Rows()))
		}
	}
	return rows, true, nil
}

// blocks is the number of blocks of rows.
func (s *Sealed) blocks() int { return int((s.info.Rows + blockRows - 1) / blockRows) }
