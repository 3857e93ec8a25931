package segment

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	sealedMagic   = "annals-S"
	sealedVersion = 1
	sealedSuffix  = ".seg"

	// maxSealedRows bounds the rows of a sealed file: a row's number fits 32
	// bits, as bitmaps of rows and the table of IDs want it.
	maxSealedRows = 1<<32 - 1
)

// The columns that every row has come first; those of the fields follow.
const (
	colSeq     = iota // position
	colTime           // ns since 1970 UTC
	colVersion        // within the key
	colFlags          // kind and unchanged, as in a row of the log
	colShape          // number of the shape
	colType           // text, "" for none
	colID             // text, sparse
	colRef            // position that a retraction or an unchanged event names, sparse
	firstField
)

// Bits of the column flags, beside the kind in the low ones.
const flagsUnchanged = 0x08

// column is a field by name and kind. A field that is null is a column of its
// own, of kind NullValue, which has no pages.
type column struct {
	name string
	kind ValueKind
}

// vector is one column in one block of rows: the rows that have a value, rising
// (nil: all of them), and as many values in the one list that fits the column.
type vector struct {
	rows   []uint16
	ints   []int64
	floats []float64
	texts  texts
}

// reset empties v and keeps its memory.
func (v *vector) reset() {
	v.rows, v.ints, v.floats = v.rows[:0], v.ints[:0], v.floats[:0]
	v.texts.codes, v.texts.dict = v.texts.codes[:0], v.texts.dict[:0]
}

// SealedHead says what a sealed file is about.
type SealedHead struct {
	First, Last uint64 // positions it holds, inclusive, every one of them
	Database    [16]byte
	Created     int64    // ns since 1970 UTC
	Defs        []Stream // definitions by number, rising
}

// SealedInfo is the summary of a sealed file: what is known of it without
// reading its rows.
type SealedInfo struct {
	First, Last                 uint64
	FirstRecorded, LastRecorded int64 // commit times of its first and last batch
	MinTime, MaxTime            int64 // of its events
	Rows, Keys, Batches         uint64
	Retractions, IDs            uint64
	Late                        uint64 // keys that have an event before their stream's Settled
	Bytes                       int64  // size of the file
	Database                    [16]byte
	Created                     int64
	Streams                     []SealedStream // by number
}

// SealedStream is the part of a stream that a sealed file holds.
type SealedStream struct {
	Def                                       Stream
	Rows, Keys                                uint64
	Changes, Deletes, Heartbeats, Retractions uint64 // rows by kind; an unchanged event is a change here
	Unchanged, IDs                            uint64
	MinTime, MaxTime                          int64  // of its rows, if it has any
	Settled                                   int64  // few rows are of an earlier time; see [Sealed.MayHaveBefore]
	FirstKey, LastKey                         string // likewise
}

// Keyed is a key of a sealed file. Its rows stand together from Row on: first
// the changes and deletes in the order of its stream, then the heartbeats, then
// the retractions.
type Keyed struct {
	Stream                      uint32
	Name                        string
	Row                         uint64
	Changes, Beats, Retractions int
	Last                        uint64 // its highest position
	Base                        uint64 // the version of its lowest position
}

// Rows is the number of the key's rows.
func (k *Keyed) Rows() int { return k.Changes + k.Beats + k.Retractions }

// Stamp is when and what a row is.
type Stamp struct {
	Time      int64
	Seq       uint64
	Kind      Kind
	Unchanged bool
}

// SealedRow is an event as it stands in a sealed file. Lag of the row is
// Recorded − Time.
type SealedRow struct {
	Row
	Seq      uint64
	Time     int64
	Recorded int64
}

// SealedName is the name of the sealed file of the positions first to last.
func SealedName(first, last uint64) string {
	return fmt.Sprintf("%020d-%020d%s", first, last, sealedSuffix)
}

// ParseSealedName is the inverse of [SealedName]; ok is false for any other
// name.
func ParseSealedName(name string) (first, last uint64, ok bool) {
	digits, found := strings.CutSuffix(name, sealedSuffix)
	if !found || len(digits) != 41 || digits[20] != '-' {
		return 0, 0, false
	}
	first, err1 := strconv.ParseUint(digits[:20], 10, 64)
	last, err2 := strconv.ParseUint(digits[21:], 10, 64)
	return first, last, err1 == nil && err2 == nil && SealedName(first, last) == name
}
