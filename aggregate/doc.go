// Package aggregate is the algebra of aggregates: functions as partial results
// that merge, and windows of time.
package aggregate
