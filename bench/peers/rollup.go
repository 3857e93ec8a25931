package main

import (
	"encoding/binary"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// How totals by type and minute are kept where keys and values are bytes: under a
// zero byte, below the keys of all events, the minute and the type.

// totalsPrefix is what the keys of all totals begin with.
const totalsPrefix = "\x00"

// totalKey is what the total of w is stored under.
func totalKey(w load.Window) []byte {
	k := binary.BigEndian.AppendUint64([]byte(totalsPrefix), uint64(w.Start))
	return append(k, w.Type...)
}

// windowOf is the window whose totalKey k is.
func windowOf(k []byte) load.Window {
	k = k[len(totalsPrefix):]
	return load.Window{Type: string(k[8:]), Start: int64(binary.BigEndian.Uint64(k))}
}

// minutesOfRows is what a batch adds to the totals by type and minute.
func minutesOfRows(rows []side.Row) *side.Totals {
	totals := side.NewTotals(load.Minute)
	for _, r := range rows {
		totals.AddRow(r.Key, r.Value)
	}
	return totals
}

// minutesOf is the same, of events from to to-1.
func minutesOf(l *load.Load, from, to int) *side.Totals {
	totals := side.NewTotals(load.Minute)
	for i := from; i < to; i++ {
		r := l.Reading(i)
		totals.Add([]byte(r.Type), r.Nanos, r.Value)
	}
	return totals
}
