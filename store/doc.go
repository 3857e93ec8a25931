// Package store is the engine: it appends events, keeps the state that they fold
// into, and reads either at any moment.
//
// A [DB] is opened on a directory. [DB.Append] commits a [Batch] of events, over
// any keys and streams, all or nothing. A [View] is the whole database as of one
// moment: [DB.Latest], or [DB.View] with a moment in event time ([AsOf]), in
// what was known ([KnownAt], [KnownBy]), or in both. [DB.Tail] follows the log.
// [DB.Maintain] keeps an aggregate of the events for ever. [Of] reads and writes Go
// structs.
//
// # How it works
//
//	Append ─► checks, position, frame ─► group ─► log file (one sync a group)
//	                │                                  │             │ full
//	                ▼                                  ▼ visible     ▼
//	          live index, overlay of states      sealed file ─► merged file
//	                │            │ checkpoint          │
//	                │            ▼                     │
//	                │          bbolt                   │
//	                └─────────────┴── View (V, S) ─────┘
//
// The log is the only truth; a log file that is full is sealed: sorted by key, in
// columns, indexed, and removed. The index has what is not sealed yet and is built
// from the log at open; the states in bbolt are derived and distrusted. An event is
// in index and overlay before it is durable, and nobody sees it there: readers ask
// for positions up to the last visible one. So writers and readers share no lock.
//
// A read of a key follows its [trail]: the live index, then sealed files, newest
// first, as long as one may hold more. files.go says how files come and go beneath
// readers, upkeep.go how they are sealed, compact.go how they are merged,
// foldpoint.go how a fold of many events starts in the middle, memory.go what may be
// held.
//
// The directory holds sealed files and log files, named by their positions,
// state.db, LOCK, and who holds it. Package segment draws the first two; states.go,
// pages.go and appendRecord the rest.
//
// # Designs considered
//
// Where the latest state lives. Answering it from the log alone costs a read of a
// row for each key and ties the present to the whole history; writing bbolt in the
// append's path runs at the speed of its commits (go run ./bench ingest has both).
// The overlay keeps both apart: a checkpoint takes many changes of a key as one.
//
// What the index holds. A memtable a log file, as LSM trees have it, costs each
// append a second look-up of its key and loses what the engine knows of keys when the
// file is sealed. One table of keys, with the versions of each in a chain of log
// files, needs one look-up; sealing cuts the chain, and keys are evicted apart.
//
// How views survive merging. Pinning the files in the view needs it to be closed,
// and one that is forgotten keeps files for ever. A view is a moment instead, and
// each read pins the files of its own time: sealing and merging change where an
// event is, never what a moment answers.
//
// How many files. Merging each sealed file into one keeps reads at one file and
// writes history n times over; never merging makes each read ask n filters. By
// tiers, each event is written again log(n) times and log(n) files are asked, most
// of them passed over by their times or their filter.
//
// Late events under merge. Folding the key anew is simple and costs its history
// for each; keeping a stamp with each field makes a late event as cheap as any
// other, so that is what the state keeps. A Go function has no such form: a late
// event folds its key anew, from a checkpoint on.
//
// How many events are computed with. A cursor that gives them in the order of positions
// or of keys has to merge files row by row; a sum does not care, so a scan gives the
// order up, and with it all work a row. Batches full of rows wanted, copied together
// out of many blocks, are pleasant to compute with and copy what is mostly all of a
// block; a selection beside whole columns copies nothing, and where few rows of a block
// are wanted only their spans are decoded. Aggregates pushed into the files would
// answer pages of one group from their statistics, in a second place that knows what a
// sum is: batches hand the statistics on instead. eventscan.go has it, columns.go its
// ordered kin, the history of one key.
//
// Where event IDs are found. A bucket in bbolt makes every checkpoint rewrite pages
// all over the file, since IDs are random. Log files have them in memory, sealed
// files in a table behind a filter.
package store
