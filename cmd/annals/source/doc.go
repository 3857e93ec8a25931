// Package source reads events from files of lines: NDJSON, where a line is a
// JSON object, and CSV, where a row is one under a header. It is what
// `annals import` and `annals demo` have in common.
//
//	bytes ─► gzip, zstd ─► lines ─► record ─► event ─► batch
//	         (by magic)             names and  by the   by a field,
//	                                values     Mapping  or of 1000
//
// Nothing but the batch being put together is held in memory. Each fault has
// the number of its line: the reader ends there, or writes the line to
// [Options.Skip] and goes on.
package source
