package segment

import (
	"errors"
	"fmt"
)

// ErrCorrupt is what every [CorruptError] is, for errors.Is.
var ErrCorrupt = errors.New("corrupt")

// CorruptError says which bytes are not what was written there.
type CorruptError struct {
	File   string // path of the file
	Offset int64  // where the bad bytes begin, or 0 for the whole file
	First  uint64 // positions concerned, inclusive; 0 where they are not known
	Last   uint64
	Cause  string // what was found
}

// Error names the file, the place, the positions and what was found.
func (e *CorruptError) Error() string {
	s := fmt.Sprintf("corrupt file %s at offset %d", e.File, e.Offset)
	switch {
	case e.First != 0 && e.Last != 0:
		s += fmt.Sprintf(" (positions %d to %d)", e.First, e.Last)
	case e.First != 0:
		s += fmt.Sprintf(" (positions from %d on)", e.First)
	}
	return s + ": " + e.Cause
}

// Is reports whether target is [ErrCorrupt].
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
