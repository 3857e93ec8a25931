package meter

import (
	"errors"
	"syscall"
	"time"
)

// SleepUntil returns at the moment t, or at once if that has passed. [time.Sleep] is
// up to a millisecond late where a processor is idle, for Go waits for events of the
// network in whole milliseconds; this is some 0.1 ms late.
func SleepUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		ts := syscall.NsecToTimespec(int64(d))
		if err := syscall.Nanosleep(&ts, nil); err != nil && !errors.Is(err, syscall.EINTR) {
			time.Sleep(d)
		}
	}
}
