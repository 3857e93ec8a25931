// Package index is the order of things in memory: which keys there are, and
// which versions each one has, by time and by position.
//
// # One writer, any number of readers, no locks between them
//
// A [Live] holds the keys of one stream. Its writer is one goroutine at a time
// (the engine's commit path); readers never wait for it, nor it for them:
//
//   - a key is found through open-addressed tables of atomic pointers, which are
//     only ever added to and are replaced whole when they grow;
//   - the versions of a key are a [Run]: an array that is only ever appended to
//     holds those that came in order, a B-tree holds the late ones and is
//     replaced by a changed clone (google/btree shares the nodes not touched);
//   - key order is a B-tree of keys, brought up to date by whoever scans.
//
// A version is visible from the moment it is added. Readers ask for positions up
// to the last one committed, so what is not committed yet is passed over, as is
// everything newer than the moment of a view.
//
// # Designs considered
//
// One B-tree of (key, time, seq), cloned at every commit, is the obvious index.
// BenchmarkInsert has it at several times the cost of a version here with a
// million keys, in cache misses on comparing keys and in copies of the nodes that
// the clone shares. A map behind a RWMutex makes readers wait. Keeping key order
// outside the commit path costs the first scan after new keys their sorting,
// about a microsecond a key.
package index
