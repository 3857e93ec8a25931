// Package index is the order of things in memory: which keys there are, and
// which versions each one has, by time and by position. And it is the algebra
// that says which rows of a table at rest can answer a question.
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
// # Which rows to read
//
// A [Predicate] is a condition on the columns of a row, with SQL's three truths;
// Test evaluates it. [Select] tells, without reading rows, what it can from two
// kinds of statistics, which a [Source] keeps for immutable tables:
//
//   - zones: for each block of rows and each kind of value in a column how many
//     there are, their least and their greatest. A comparison holds of every
//     value, of none, or is open;
//   - postings: for a value the bitmap of the rows that have it. Only values with
//     cheap bitmaps have one ([PostingsBuilder]); for those that are in every
//     block, scanning the column is as fast.
//
// For each part of the predicate two bitmaps are made, rows of which it may be
// true and rows of which it must be: And and Or combine each with its like, and
// under a Not the same is asked of false. So null needs no case of its own:
// a row without a value is in neither. What must be is the answer; of what only
// may be is tested what remains of the predicate when all parts are dropped that
// the bitmaps have settled. [SelectStats] says what was saved and by which means.
//
// # Designs considered
//
// One B-tree of (key, time, seq), cloned at every commit, is the obvious index.
// BenchmarkInsert has it at several times the cost of a version here with a
// million keys, in cache misses on comparing keys and in copies of the nodes that
// the clone shares. A map behind a RWMutex makes readers wait. Keeping key order
// outside the commit path costs the first scan after new keys their sorting,
// about a microsecond a key.
//
// Roaring's own check of a bitmap read back compares each run of a container with
// each other one, 6 ms for a container of 2000; [OpenBitmap] has one that is
// linear, 4 µs. One bitmap for each predicate instead of two would have to be given up
// at the first Not over what is not certain.
package index
