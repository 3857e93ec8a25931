// Package bench measures the engine beside the limit of the machine it runs on.
//
// Every figure is only worth something next to another of the same run, so the
// benchmarks come in pairs: an append beside an fdatasync of the same bytes, an
// ingest and the questions to its history beside bbolt with the same events, a
// latest state beside a bare bbolt get and a Go map. Where a ratio is the claim,
// one benchmark alternates short slices of both and reports the median of the
// ratios, so that a disk or a neighbour that slows down for a while slows both.
//
// What both sides answer about the past is held against the load, which can say
// without a database what is right, on a sample or as a whole, before anything is
// measured; a benchmark with a wrong answer fails.
//
// Names are key=value, for benchstat:
//
//	go test ./bench -run '^$' -bench Append -count 6 | tee new.txt
//	benchstat -col /writers new.txt
//
// The command that gives a figure stands above its benchmark. The flags:
//
//	-events N    events of an ingest and of the history that is read (1,000,000)
//	-keys N      keys of the latest state that is read (1,000,000)
//	-dir D       where databases are put; its file system is what is measured
//	-slice D     length of one slice of a ratio (250ms)
//
// Histories take long to make and are only read: in a -dir that is given they stay,
// as annals-bench-SIDE-LOAD-N, and the next run with as many events uses them.
// Remove them when the load or the format has changed.
package bench
