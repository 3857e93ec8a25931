package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// picture is a column of the results of an aggregate, by group and window.
type picture struct {
	title   string
	about   []string // what it is of, and what is not in it
	zone    *time.Location
	windows bool     // else there is one for all time
	traces  []*trace // the greatest sum first
	open    bool     // a result is provisional
}

// trace is the results of a group in the order of their windows.
type trace struct {
	label string
	spots []spot
	sum   float64
}

// spot is the result of one window, from and to in nanoseconds.
type spot struct {
	from, to int64
	value    float64
	open     bool // provisional
	tip      string
}

// errNoPicture is that results make none.
var errNoPicture = errors.New("there is nothing to draw")

// redrawn is how long a picture that is watched stays as it is at least.
const redrawn = time.Second

// redraw draws again what has changed.
type redraw struct {
	changed chan struct{}
	failed  chan error
}

// newRedraw calls draw, and again after changes. Where that fails, it calls stop.
func newRedraw(ctx context.Context, draw func() error, stop func()) *redraw {
	r := &redraw{make(chan struct{}, 1), make(chan error, 1)}
	go func() {
		defer close(r.failed)
		for range r.changed {
			if err := draw(); err != nil && !errors.Is(err, errNoPicture) {
				r.failed <- err
				stop()
				return
			}
			select {
			case <-time.After(redrawn):
			case <-ctx.Done():
			}
		}
	}()
	return r
}

// change says that there is something to draw.
func (r *redraw) change() {
	select {
	case r.changed <- struct{}{}:
	default: // it is known
	}
}

// close draws what has changed and returns what went wrong.
func (r *redraw) close() error {
	close(r.changed)
	return <-r.failed
}

// drawAggregate writes a picture of what a query of an aggregate answers to a file.
func (a *app) drawAggregate(ctx context.Context, reader query.Reader, q query.Query, d *aggregate.Definition, f *aggregateFlags) error {
	all, err := keep(ctx, reader, q)
	if err != nil {
		return err
	}
	if len(all.rows) == 0 {
		return fmt.Errorf("%w: %s has no windows, or none in that range", errNoPicture, d.Name)
	}
	p, err := all.picture(d, f.column)
	if err != nil {
		return err
	}
	return replaceFile(f.svg, p.svg())
}

// picture is made of results, which begin with groups and window and end with the
// status and what else is known of them.
func (k *kept) picture(d *aggregate.Definition, column string) (*picture, error) {
	groups := len(d.By)
	y, err := k.measure(groups, column)
	if err != nil {
		return nil, err
	}
	p := &picture{title: k.names[y], zone: time.UTC}
	if groups > 0 {
		p.title += " by " + strings.Join(k.names[:groups], ", ")
	}
	if c, ok := d.Window.(aggregate.Calendar); ok && c.Zone != nil {
		p.zone = c.Zone
	}
	drawn := *d
	if i := y - groups - 2; i < len(d.Measures) {
		drawn.Measures = d.Measures[i : i+1]
	}
	seq := k.rows[0][len(k.names)-1]
	p.about = []string{query.Describe(drawn), "exact at position " + decimal(uint64(seq.Int64()))}
	k.trace(p, groups, y)
	switch {
	case len(p.traces) == 0:
		return nil, fmt.Errorf("%w: %s is no finite number in any window", errNoPicture, k.names[y])
	case !p.windows && groups == 0:
		return nil, fmt.Errorf("%w: it is one value, without groups and windows; read it without --svg", errNoPicture)
	}
	k.leaveOut(p)
	return p, nil
}

// leaveOut cuts the traces to those that there is room for, and says what is drawn.
func (k *kept) leaveOut(p *picture) {
	most, all := maxBars, len(p.traces)
	if p.windows {
		most = maxTraces
		p.about[1] += ", times of " + p.zone.String()
	}
	if all > most {
		p.traces = p.traces[:most]
		p.about[1] += fmt.Sprintf(", the greatest %d of %s", most, count(all, "group"))
	}
	if k.more {
		p.about[1] += ", of the first " + count(keptRows, "row")
	}
	if p.open {
		p.about[1] += "; dashed and hollow: provisional"
	}
}

// trace takes in what can be drawn: results with a number, and a window if there are any.
func (k *kept) trace(p *picture, groups, y int) {
	byGroup := map[string]*trace{}
	status := len(k.names) - knownOfResults
	for _, row := range k.rows {
		value, ok := numberOf(row[y])
		from, to := row[groups], row[groups+1]
		if from.Kind() == segment.TimeValue {
			p.windows = true
		}
		if !ok || p.windows && (from.Kind() == segment.NullValue || to.Kind() == segment.NullValue) {
			continue
		}
		var labels []string
		for _, v := range row[:groups] {
			labels = append(labels, label(v))
		}
		name := strings.Join(labels, " ")
		t := byGroup[name]
		if t == nil {
			t = &trace{label: name}
			byGroup[name] = t
			p.traces = append(p.traces, t)
		}
		s := spot{from: from.Nanos(), to: to.Nanos(), value: value, open: row[status].Str() == aggregate.Provisional.String()}
		s.tip = strings.TrimSpace(fmt.Sprintf("%s %s, %s", name, label(row[y]), row[status].Str()))
		if p.windows {
			s.tip = time.Unix(0, s.from).In(p.zone).Format("2006-01-02 15:04:05.999999999") + ": " + s.tip
		}
		p.open = p.open || p.windows && s.open
		t.spots = append(t.spots, s)
		t.sum += math.Abs(value)
	}
	slices.SortStableFunc(p.traces, func(a, b *trace) int {
		return cmp.Or(cmp.Compare(b.sum, a.sum), strings.Compare(a.label, b.label))
	})
}

// replaceFile writes a file in the place of the one of that name, which stays whole
// until the new one is.
func replaceFile(name, content string) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	if _, err := file.WriteString(content); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
