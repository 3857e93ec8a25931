package fuzz

import (
	"context"
	"fmt"
	"iter"

	"github.com/annalsdb/annals/store"
)

// seal seals and merges, or compacts, in the middle of reads of the newest view and of some of
// those taken on the way.
func (o *oracle) seal(seal func(context.Context) error) error {
	pairs := append([]pair{{o.db.Latest(), o.model.now()}}, o.views[:min(2, len(o.views))]...)
	var begun []func() error
	for _, p := range pairs {
		begun = append(begun, o.begin(p)...)
	}
	err := seal(context.Background())
	for _, finish := range begun {
		if e := finish(); e != nil && err == nil {
			err = fmt.Errorf("sealed in the middle: %w", e)
		}
	}
	for _, p := range pairs {
		if err == nil {
			err = o.states(p)
		}
	}
	return err
}

// begin begins all reads that give one thing after the other.
func (o *oracle) begin(p pair) (begun []func() error) {
	begun = append(begun, beginRead(fmt.Sprintf("events at %s", p),
		p.view.Events(store.EventQuery{}), p.point.Events(store.EventQuery{}), showEvent))
	for _, s := range o.script.streams {
		if !o.defined(s) {
			continue
		}
		for _, r := range []store.Range{{}, {Reverse: true}} {
			begun = append(begun, beginRead(fmt.Sprintf("scan %s %+v at %s", s.Name, r, p), p.view.Scan(s.Name, r), p.point.Scan(s.Name, r), showFound))
		}
		for _, key := range o.script.keys {
			what := fmt.Sprintf("of %s/%s at %s", s.Name, key, p)
			begun = append(begun,
				beginRead("history "+what, p.view.History(s.Name, key), p.point.History(s.Name, key), showTransition),
				beginRead("columns "+what, columnRows(p.view.Columns(s.Name, key)), p.point.columnRows(s.Name, key, ""), showText))
		}
	}
	return begun
}

// beginRead takes the first thing of a read; what is returned takes the rest, and
// compares.
func beginRead[T any](what string, got iter.Seq2[T, error], want []T, show func(T) string) (finish func() error) {
	next, stop := iter.Pull2(got)
	v, err, ok := next()
	return func() error {
		defer stop()
		var texts []string
		for ; ok && err == nil; v, err, ok = next() {
			texts = append(texts, show(v))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return compareTexts(what, texts, showAll(want, show))
	}
}
