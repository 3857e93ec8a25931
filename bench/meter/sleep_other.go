//go:build !linux

package meter

import "time"

// SleepUntil returns at the moment t or somewhat later.
func SleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
