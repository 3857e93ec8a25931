package main

import (
	"strconv"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// stateRecord is the state of a key.
type stateRecord struct{ store.State }

var stateLayout = layout{
	csv:   []string{"stream", "key", "type", "time", "recorded", "seq", "version"},
	table: []string{"key", "type", "time", "seq", "version", "fields"},
}

func newStateRecord(s store.State) record { return stateRecord{s} }

func (r stateRecord) appendJSON(dst []byte) []byte { return appendState(dst, &r.State) }

func (r stateRecord) cells() []string {
	return []string{r.Stream, r.Key, r.Type, cellTime(r.Time), cellTime(r.Recorded), decimal(r.Seq), decimal(r.Version)}
}

func (r stateRecord) fields() store.Fields { return r.Fields }

func (r stateRecord) row() []cell {
	return []cell{text(r.Key), text(r.Type), moment(r.Time), position(r.Seq), position(r.Version), text(fieldText(r.Fields))}
}

// appendState appends s as a JSON object, nil as null.
func appendState(dst []byte, s *store.State) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	dst = appendHead(dst, s.Stream, s.Key, s.Type)
	dst = appendStamps(dst, s.Time, s.Recorded, s.Seq, s.Version)
	dst = s.Fields.AppendJSON(append(dst, `,"fields":`...))
	return append(dst, '}')
}

// appendHead begins an object.
func appendHead(dst []byte, stream, key, typ string) []byte {
	dst = segment.AppendJSONString(append(dst, `{"stream":`...), stream)
	dst = segment.AppendJSONString(append(dst, `,"key":`...), key)
	return segment.AppendJSONString(append(dst, `,"type":`...), typ)
}

func appendStamps(dst []byte, at, recorded time.Time, seq, version uint64) []byte {
	dst = segment.AppendJSONTime(append(dst, `,"time":`...), at)
	dst = segment.AppendJSONTime(append(dst, `,"recorded":`...), recorded)
	dst = strconv.AppendUint(append(dst, `,"seq":`...), seq, 10)
	return strconv.AppendUint(append(dst, `,"version":`...), version, 10)
}

// cellTime is a time in CSV: RFC 3339 with nanoseconds, as in JSON.
func cellTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") }

// shortTime is a time in a table: UTC, to the millisecond.
func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999") }

// fullTime is a time for a person who looks at one thing only.
func fullTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999999 UTC") }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// positive is n, or nothing for 0.
func positive(n uint64) string {
	if n == 0 {
		return ""
	}
	return decimal(n)
}

// maxFieldText bounds the text of one event's fields in a table.
const maxFieldText = 2000

// fieldText is fields in a table, cut where it is too long for one.
func fieldText(fs store.Fields) string {
	s := fs.String()
	if len(s) > maxFieldText {
		return s[:maxFieldText] + "…"
	}
	return s
}
