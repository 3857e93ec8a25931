package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

func (a *app) statsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats DB",
		Short: "Say what the database holds and where its bytes are",
		Args:  arguments("DB"),
	}
	format := formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return a.reading(args[0], func(db *store.DB) error {
			s, err := db.Stats()
			if err != nil {
				return err
			}
			return a.printStats(&s, db.Streams(), *format)
		})
	}
	return cmd
}

// figure is one number of the statistics. Its name is that of the JSON member;
// the parts of a whole follow it and are set in.
type figure struct {
	name  string
	label string
	n     uint64
	part  bool
	bytes bool
}

func bytesOf(name, label string, n int64) figure {
	return figure{name: name, label: label, n: uint64(max(n, 0)), bytes: true}
}

func (f figure) of() figure {
	f.part = true
	return f
}

// figures are the statistics in the order they are shown. What counts since
// the opening is left out: this process opened the database to look at it.
func figures(s *store.Stats) []figure {
	return []figure{
		{name: "position", label: "events", n: s.Position},
		figure{name: "changes", label: "changes", n: s.Changes}.of(),
		figure{name: "deletes", label: "deletes", n: s.Deletes}.of(),
		figure{name: "heartbeats", label: "heartbeats", n: s.Heartbeats}.of(),
		figure{name: "unchanged", label: "unchanged", n: s.Unchanged}.of(),
		figure{name: "retractions", label: "retractions", n: s.Retractions}.of(),
		{name: "batches", label: "batches", n: s.Batches},
		{name: "keys", label: "keys", n: s.Keys},
		{name: "sealed_files", label: "sealed files", n: uint64(s.SealedFiles)},
		{name: "sealed_events", label: "events in them", n: s.SealedEvents},
		bytesOf("sealed_bytes", "sealed", s.SealedBytes),
		{name: "log_files", label: "log files", n: uint64(s.LogFiles)},
		bytesOf("log_bytes", "log", s.LogBytes),
		bytesOf("row_bytes", "events", s.RowBytes).of(),
		bytesOf("frame_bytes", "frames around them", s.FrameBytes).of(),
		bytesOf("definition_bytes", "definitions", s.DefinitionBytes).of(),
		bytesOf("header_bytes", "headers", s.HeaderBytes).of(),
		bytesOf("reserved_bytes", "reserved ahead", s.ReservedBytes).of(),
		bytesOf("state_bytes", "states", s.StateBytes),
		bytesOf("state_used_bytes", "used", s.StateUsedBytes).of(),
		bytesOf("state_free_bytes", "free", s.StateFreeBytes).of(),
		bytesOf("state_meta_bytes", "meta", s.StateMetaBytes).of(),
		bytesOf("other_bytes", "other", s.OtherBytes),
	}
}

func (a *app) printStats(s *store.Stats, streams []store.Stream, format formatFlag) (err error) {
	switch format {
	case formatJSON:
		_, err = a.out.Write(statsJSON(s, streams))
	case formatCSV:
		err = a.statsCSV(s)
	default:
		_, err = a.out.Write([]byte(a.statsTable(s, streams)))
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func statsJSON(s *store.Stats, streams []store.Stream) []byte {
	dst := []byte{'{'}
	for _, f := range figures(s) {
		dst = append(segment.AppendJSONString(dst, f.name), ':')
		dst = append(strconv.AppendUint(dst, f.n, 10), ',')
	}
	dst = segment.AppendJSONTime(append(dst, `"recorded":`...), s.Recorded)
	dst = append(dst, `,"streams":[`...)
	for i, st := range streams {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = segment.AppendJSONString(append(dst, `{"name":`...), st.Name)
		dst = segment.AppendJSONString(append(dst, `,"fold":`...), string(st.Fold))
		dst = segment.AppendJSONString(append(dst, `,"order":`...), st.Order.String())
		dst = append(strconv.AppendBool(append(dst, `,"only_changes":`...), st.OnlyChanges), '}')
	}
	return append(dst, "]}\n"...)
}

// statsCSV writes a row a figure.
func (a *app) statsCSV(s *store.Stats) error {
	rows := [][]string{{"name", "value"}}
	for _, f := range figures(s) {
		rows = append(rows, []string{f.name, decimal(f.n)})
	}
	rows = append(rows, []string{"recorded", cellTime(s.Recorded)})
	return csv.NewWriter(a.out).WriteAll(rows)
}

func (a *app) statsTable(s *store.Stats, streams []store.Stream) string {
	var b strings.Builder
	for _, st := range streams {
		fmt.Fprintf(&b, "%s  %s\n", a.screen.paint(dim, pad("stream", 20)), sanitize(st.String()))
	}
	whole := uint64(0)
	for _, f := range figures(s) {
		label, n, share := f.label, thousands(f.n), ""
		if !f.part {
			whole = f.n
		} else {
			label = "  " + label
			if f.n == 0 {
				continue
			}
			share = fmt.Sprintf("%5.1f %%", 100*float64(f.n)/float64(max(whole, 1)))
		}
		if f.bytes {
			n += " B"
		} else {
			n += "  " // digits below digits
		}
		fmt.Fprintf(&b, "%s  %s  %s", a.screen.paint(dim, pad(label, 20)), padLeft(n, 18), a.screen.paint(dim, share))
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s  %s\n", a.screen.paint(dim, pad("newest recorded", 20)), fullTime(s.Recorded))
	return b.String()
}
