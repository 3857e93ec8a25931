// Package store is the engine: it appends events, keeps the state that they fold
// into, and reads either at any moment.
//
// A [DB] is opened on a directory. [DB.Append] commits a [Batch] of events, over
// any keys and streams, all or nothing. A [View] is the whole database as of one
// moment: [DB.Latest], or [DB.View] with a moment in event time ([AsOf]), in
// what was known ([KnownAt], [KnownBy]), or in both. [DB.Tail] follows the log.
// [Of] reads and writes Go structs.
//
// # How it works
//
//	Append ─► checks, position, frame ─► group ─► log file (one sync a group)
//	                │                                  │
//	                ▼                                  ▼ visible
//	          live index, overlay of states ─► checkpoint ─► bbolt
//	                │                                          │
//	                └───────────── View (V, S) ────────────────┘
//
// The log is the only truth; the index is built from it at open, and the states in
// bbolt are derived and distrusted. An event is in index and overlay before it is
// durable, and nobody sees it there: readers ask for positions up to the last
// visible one. So writers and readers share no lock.
//
// The directory holds log files named by their first position, state.db, LOCK, and
// who holds it. Package segment draws the log file; states.go, pages.go and
// appendRecord the rest.
//
// # Designs considered
//
// Where the latest state lives. Answering it from the log alone costs a read of a
// row for each key and ties the present to the whole history; writing bbolt in the
// append's path runs at the speed of its commits (BenchmarkIngest has both). The
// overlay keeps both apart: a checkpoint takes many changes of a key as one.
//
// What the index holds. Whole events in memory make reads at a moment faster by a
// system call and cost what the events do; 24 bytes a version do not, and are what
// sealed segments will replace.
//
// Late events under merge. Folding the key anew is simple and costs its history
// for each; keeping a stamp with each field makes a late event as cheap as any
// other, so that is what the state keeps. A Go function has no such form: a late
// event folds its key anew.
//
// Where event IDs are found. A bucket in bbolt makes every checkpoint rewrite pages
// all over the file, since IDs are random; they are in memory, as hashes.
package store
