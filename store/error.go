package store

import (
	"errors"
	"fmt"

	"github.com/annalsdb/annals/segment"
)

// What a caller can act on. Errors wrap these with the operation, the place and
// the cause.
var (
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("database is closed")
	// ErrLocked: another process, or this one, has the database open.
	ErrLocked = errors.New("database is in use")
	// ErrConflict: a key is not as the batch expects it; see [ConflictError].
	ErrConflict = errors.New("expectation failed")
	// ErrBoundary: an event matched a batch's boundary; see [BoundaryError].
	ErrBoundary = errors.New("boundary condition failed")
	// ErrIdempotency: an ID is known, but not for this batch; see
	// [IdempotencyError].
	ErrIdempotency = errors.New("event ID is already used")
	// ErrFuture: the moment asked for has not come yet.
	ErrFuture = errors.New("beyond the newest position")
	// ErrStreamDefined: a stream of that name has another definition.
	ErrStreamDefined = errors.New("stream is defined otherwise")
	// ErrNoStream: there is no stream of that name.
	ErrNoStream = errors.New("no such stream")
	// ErrNoFold: the stream's fold is a Go function that Options.Folds lacks.
	ErrNoFold = errors.New("fold function is not registered")
	// ErrFoldPanic: a fold function panicked, so there is no state to give.
	ErrFoldPanic = errors.New("fold function panicked")
	// ErrInvalid: an argument or an option has a form that is not taken.
	ErrInvalid = segment.ErrInvalid
	// ErrTooLarge: a batch is larger than Options.MaxBatchBytes.
	ErrTooLarge = errors.New("batch is too large")
	// ErrCorrupt: bytes on disk are not what was written; see [CorruptError].
	ErrCorrupt = segment.ErrCorrupt
	// ErrPoisoned: a write or a sync of the log failed earlier, so nothing
	// can be promised of new ones. Reads go on; close and open again.
	ErrPoisoned = errors.New("log could not be written")
)

// ConflictError says which key was not as expected and what it was. It is
// [ErrConflict].
type ConflictError struct {
	Stream, Key string
	Want        Expect
	Version     uint64 // the key's last version, 0 = it has none
	Deleted     bool   // its last change is a delete
}

// Error says what was expected and what was found.
func (e *ConflictError) Error() string {
	found := fmt.Sprintf("it is at version %d", e.Version)
	switch {
	case e.Version == 0:
		found = "it has no event"
	case e.Deleted:
		found += ", deleted"
	}
	return fmt.Sprintf("expectation failed: key %q of stream %q should be %s, %s", e.Key, e.Stream, e.Want, found)
}

// Is reports whether target is [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// BoundaryError says which event matched first. It is [ErrBoundary].
type BoundaryError struct {
	After uint64 // the boundary's position
	Seq   uint64 // the first matching event
}

// Error says where the match is.
func (e *BoundaryError) Error() string {
	return fmt.Sprintf("boundary condition failed: event %d, after position %d, matches the query", e.Seq, e.After)
}

// Is reports whether target is [ErrBoundary].
func (e *BoundaryError) Is(target error) bool { return target == ErrBoundary }

// IdempotencyError says which ID stood in the way. It is [ErrIdempotency].
type IdempotencyError struct {
	Stream, ID string
	Seq        uint64 // where the ID is stored, 0 = twice in the batch itself
	Reason     string
}

// Error names the ID, its position and the reason.
func (e *IdempotencyError) Error() string {
	at := "in this batch"
	if e.Seq != 0 {
		at = fmt.Sprintf("at position %d", e.Seq)
	}
	return fmt.Sprintf("event ID is already used: ID %q of stream %q %s: %s", e.ID, e.Stream, at, e.Reason)
}

// Is reports whether target is [ErrIdempotency].
func (e *IdempotencyError) Is(target error) bool { return target == ErrIdempotency }
