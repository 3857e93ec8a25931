package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Spec says which load it is. Equal specs make equal events.
type Spec struct {
	NumKeys int           // up to MaxKeys
	Skew    float64       // of the frequencies of keys, by Zipf's law; 0 = all are equally frequent
	Once    bool          // keys in turn instead, so that the first NumKeys events have each once
	Step    time.Duration // from one event to the next: whole milliseconds, so that no times are equal
	Seed    uint64
}

// MaxKeys is the most keys of a load: all keys are equally long.
const MaxKeys = 1_000_000

// Skew is that of loads named zipf: of 100,000 keys the first has 13 % of all events.
const Skew = 1.1

// Parse is the load of a name: uniform-100k, whose keys are equally frequent, or
// zipf-100k, of whose keys few are frequent; the number may end in k or M. Events
// are a millisecond apart.
func Parse(name string) (Spec, error) {
	s := Spec{Step: time.Millisecond}
	kind, keys, _ := strings.Cut(name, "-")
	switch kind {
	case "uniform":
	case "zipf":
		s.Skew = Skew
	default:
		return s, fmt.Errorf("load %q: use uniform-KEYS or zipf-KEYS, such as zipf-100k", name)
	}
	n, err := ParseCount(keys)
	if err != nil {
		return s, fmt.Errorf("load %q: number of keys: %w", name, err)
	}
	s.NumKeys = n
	return s, s.check()
}

// ParseCount reads a number that is at least 1, such as 5000, 100k or 10M.
func ParseCount(text string) (int, error) {
	digits, unit := text, 1
	switch {
	case strings.HasSuffix(text, "k"):
		digits, unit = text[:len(text)-1], 1_000
	case strings.HasSuffix(text, "M"):
		digits, unit = text[:len(text)-1], 1_000_000
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n == 0 || n*uint64(unit) > 1<<40 {
		return 0, fmt.Errorf("%q is no number from 1 on, such as 5000, 100k or 10M", text)
	}
	return int(n) * unit, nil
}

// Count is n as ParseCount reads it, as short as it can be exactly.
func Count(n int) string {
	switch {
	case n > 0 && n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + "M"
	case n > 0 && n%1_000 == 0:
		return strconv.Itoa(n/1_000) + "k"
	}
	return strconv.Itoa(n)
}

// String is the name of the load, with what of it Parse does not read behind it.
func (s Spec) String() string {
	name := "uniform-"
	if s.Skew > 0 {
		name = "zipf-"
	}
	if s.Once {
		name = "once-"
	}
	name += Count(s.NumKeys)
	if s.Step != time.Millisecond {
		name += "-" + s.Step.String()
	}
	if s.Seed != 0 {
		name += fmt.Sprintf("-seed%d", s.Seed)
	}
	return name
}

func (s Spec) check() error {
	switch {
	case s.NumKeys < 1 || s.NumKeys > MaxKeys:
		return fmt.Errorf("load of %d keys: want 1 to %d", s.NumKeys, MaxKeys)
	case s.Skew < 0 || s.Skew > 10:
		return fmt.Errorf("load with a skew of %g: want 0 to 10", s.Skew)
	case s.Step < time.Millisecond || s.Step%time.Millisecond != 0:
		return fmt.Errorf("load with an event every %s: want whole milliseconds", s.Step)
	}
	return nil
}
