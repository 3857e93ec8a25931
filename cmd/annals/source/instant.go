package source

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/annalsdb/annals/segment"
)

// The units of a Unix time show in its size. Whatever an int64 of nanoseconds
// can hold lies within 9.3e9 seconds of 1970, so a number up to that is taken
// for seconds; the ranges of the finer units begin where they mean 1973.
// Between two ranges a number could be either, and is refused.
var units = []struct {
	from, to uint64 // of the absolute value, inclusive
	unit     time.Duration
}{
	{0, 9_223_372_036, time.Second},
	{100_000_000_000, 9_223_372_036_854, time.Millisecond},
	{100_000_000_000_000, 9_223_372_036_854_775, time.Microsecond},
	{100_000_000_000_000_000, math.MaxInt64, time.Nanosecond},
}

// instantOf is the time that v says: RFC 3339 text with its offset, or a whole
// number since 1970 in seconds, milliseconds, microseconds or nanoseconds.
func instantOf(v segment.Value) (time.Time, error) {
	switch v.Kind() {
	case segment.StringValue:
		return parseInstant(v.Str())
	case segment.Int64Value:
		return unixInstant(v.Int64())
	case segment.Float64Value:
		return time.Time{}, fmt.Errorf("%s is a time with a fraction: write RFC 3339 or a whole number of s, ms, µs or ns", v)
	}
	return time.Time{}, fmt.Errorf("a %s is no time: write RFC 3339 or a whole number since 1970", v.Kind())
}

func parseInstant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q is no time: write RFC 3339, like 2024-02-06T12:10:19+01:00", short(text))
	}
	if _, ok := segment.Nanos(t); !ok {
		return t, errors.New("time " + text + " is outside the years 1677 to 2262")
	}
	return t, nil
}

func unixInstant(n int64) (time.Time, error) {
	abs := uint64(n)
	if n < 0 {
		abs = -abs
	}
	for _, u := range units {
		if abs >= u.from && abs <= u.to {
			return time.Unix(0, n*int64(u.unit)).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%d could be a time in more than one unit: write RFC 3339", n)
}
