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
//
// Fields have no schema: each row has values of whatever kinds they were written
// with, so kinds are checked where values meet, and as early as they are known.
package query
