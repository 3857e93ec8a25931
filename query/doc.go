// Package query asks for events, states, histories and changes of streams, at any
// moment, in a small language in the spirit of SQL:2011.
//
// A [Query] is a plain value, made from text by [Parse] or in Go:
//
//	q, err := query.Parse(`SELECT key, price FROM orders WHERE region = 'eu' AND price > 10`)
//
//	q := query.From("orders").
//		Where(query.Col("region").Eq("eu").And(query.Col("price").Gt(10))).
//		Select(query.Col("key"), query.Col("price"))
//
// It prints as the text that it would be parsed from. The grammar, with an example of
// each production, the functions, and the rules of comparing, computing and casting
// stand in GRAMMAR.md.
//
// From text to rows a query goes through
//
//	lexer, parser   token.go, parse.go, parseexpr.go: text to [Query] and [Expr]
//	printer         print.go: the other way
//	binder          bind.go and what is called so: names to columns, parameters to
//	                values, to a plan of nodes that work on rows of values
//	pushdown        pushdown.go: the part of WHERE that sources can answer by
//	                index.Predicate, and what is left of it
//	evaluator       eval.go: a node's value for one row
//	executor        run.go: reads, joins, groups, puts in order; ranker.go: numbers rows;
//	                derived.go: a query that another one reads; aggregatesource.go: a
//	                maintained aggregate
//
// [Run] asks a [Reader], which [View] makes of a view of the engine, [DB] of a database
// with its maintained aggregates, and [File] of a sealed file alone, and gives a
// [Result]: rows, batches of columns, or structs, computed while they are gone through,
// and [Stats], what they cost. Statements about aggregates (statement.go) are carried
// out by Run at once; define.go makes a SELECT the definition of one, whose expressions
// (expression.go) work on the columns of events.
//
// # How it runs
//
// Events come from the engine by columns, a page at a time (read.go). What WHERE can
// say to indexes has ruled out pages and rows before; the rest is tested on columns
// by kernels (kernel.go), or row by row where kinds are mixed or a result may be an
// error (batch.go). Columns are decoded when they are asked for. States, histories
// and changes come row by row, to the worker that made them, and are made into batches
// like those. Joins look states up by key (joinkey.go) or in a table (jointable.go),
// after what WHERE says of the first source alone (join.go). What is known of keys is
// forgotten when it takes too much memory, and a table goes to disk in parts, with the
// rows that look for partners there.
//
// A GROUP BY numbers the values of each column, then pairs of numbers (ordinals.go),
// and adds whole columns to the groups of package aggregate (group.go, summing.go). Each worker
// groups what it reads; at the end, each joins those of all workers that have the
// same part of a hash (rungroup.go). Sessions, sliding and counted windows are groups of
// one time or row each until then (frames.go). Groups beyond memory go to disk in such
// parts (disk.go). What becomes of groups are batches again (finishgroup.go), and goes
// through HAVING and into the answer as rows that are read do (answer.go). ORDER BY with
// LIMIT keeps the first rows in a heap, and computes what is selected of no others.
//
// A GROUP BY that a maintained aggregate tells takes what is kept as groups of another
// worker, and reads the events of no other times (fit.go, fitrun.go).
//
// # Limits
//
// Ranked rows, a single group, the sessions of one group, and the states of a table
// that are all equal in what ON says stay in memory: beyond Options.MemoryBytes a query
// is [ErrMemory]. Of ranked rows, no more than the first places are kept if a query
// around them wants no others. The sizes are reckoned, not measured, and what a worker
// adds at once, up to 4,096 rows, can be beyond. Merging rows that are in order, ranks,
// and what is asked of the rows of an inner query are the work of one worker. Pages that
// are wanted whole, all for one group, are not decoded where statistics tell their
// count, sum of int64s, least and greatest value (grouppage.go). Of states, conditions
// on keys alone spare reading: fields are tested of each.
//
// Fields have no schema: each row has values of whatever kinds they were written
// with, so kinds are checked where values meet, and as early as they are known.
package query
