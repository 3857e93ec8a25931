package fuzz

import (
	"errors"
	"fmt"
	"math"

	"github.com/annalsdb/annals/store"
)

// What a damaged database still answers: each question by itself has the right
// answer or an error that names the damage, and those that need not touch what is
// damaged have an answer.

// rest asks everything of a database that opened.
func (c *corruptCase) rest(db *store.DB) error {
	n := uint64(len(c.base.events))
	if got := db.Latest().Seq(); got != n {
		return fmt.Errorf("it ends at %d, not at %d", got, n)
	}
	first, last := c.harmed()
	if err := c.restEvents(db, first, last); err != nil {
		return err
	}
	for _, seq := range []uint64{n, (n + 1) / 2, first - 1} {
		if err := c.restStates(db, seq, seq < first); err != nil {
			return fmt.Errorf("known at %d: %w", seq, err)
		}
	}
	return c.restHistory(db.Latest())
}

// harmed is the positions that may be damaged.
func (c *corruptCase) harmed() (first, last uint64) {
	if c.damage.wide {
		return 1, math.MaxUint64
	}
	return c.base.span(c.damage.file)
}

// restEvents asks for each position.
func (c *corruptCase) restEvents(db *store.DB, first, last uint64) error {
	v := db.Latest()
	for i := range v.Seq() {
		seq := i + 1
		n := 0
		for e, err := range v.Events(store.EventQuery{From: seq, To: seq}) {
			if err == nil && !plainSameEvent(e, c.base.events[i]) {
				return fmt.Errorf("event %d is %s, was %s", seq, plainText(e), plainText(c.base.events[i]))
			}
			if err != nil && (seq < first || seq > last) {
				return fmt.Errorf("event %d, which is not damaged: %w", seq, err)
			}
			if err != nil {
				if err := c.named(err); err != nil {
					return err
				}
			}
			n++
		}
		if n != 1 {
			return fmt.Errorf("asked for event %d it gives %d", seq, n)
		}
	}
	return nil
}

// restStates asks for the state of every key as known at seq; whole says that
// nothing before is damaged.
func (c *corruptCase) restStates(db *store.DB, seq uint64, whole bool) error {
	v, err := db.View(store.KnownAt(seq))
	if err != nil {
		return err
	}
	p := newPlain(c.base.streams, killFolds, c.base.events[:seq])
	for k := range c.base.history {
		s, ok := p.state(k)
		err := p.checkKey(v, k, s, ok)
		if err != nil && errors.Is(err, store.ErrCorrupt) && !whole {
			err = c.named(err)
		}
		if errors.Is(err, store.ErrNoStream) && !ok {
			err = nil // its definition is lost
		}
		if err != nil {
			return fmt.Errorf("key %s of %s: %w", k.key, k.stream, err)
		}
	}
	return nil
}

// restHistory asks for the history of every key.
func (c *corruptCase) restHistory(v *store.View) error {
	if v.Seq() != uint64(len(c.base.events)) {
		return nil // the histories that are known are not of this moment
	}
	for k, was := range c.base.history {
		is, err := corruptHistoryOf(v, k)
		switch {
		case err != nil && !errors.Is(err, store.ErrNoStream):
			if err := c.named(err); err != nil {
				return err
			}
		case err == nil && is != was:
			return fmt.Errorf("history of %s in %s is\n%s\nit was\n%s", k.key, k.stream, is, was)
		}
	}
	return nil
}

// salvaged opens with ReadDamaged what cannot be opened otherwise.
func (c *corruptCase) salvaged() error {
	o := corruptOptions(corruptFanout)
	o.ReadDamaged = true
	db, err := store.Open(c.dir, o)
	if err != nil {
		return c.named(err)
	}
	defer db.Close()
	damage := db.Recovery().Damage
	if len(damage) == 0 {
		return errors.New("no damage is reported")
	}
	for _, err := range damage {
		if err := c.named(err); err != nil {
			return err
		}
	}
	if db.Latest().Seq() > uint64(len(c.base.events)) {
		return fmt.Errorf("it ends at %d, there were %d events", db.Latest().Seq(), len(c.base.events))
	}
	first, last := c.harmed()
	if err := c.restEvents(db, first, last); err != nil {
		return err
	}
	for _, seq := range []uint64{db.Latest().Seq(), min(first, db.Latest().Seq()+1) - 1} {
		if err := c.restStates(db, seq, seq < first); err != nil {
			return fmt.Errorf("known at %d: %w", seq, err)
		}
	}
	if err := c.restHistory(db.Latest()); err != nil {
		return err
	}
	return db.Close()
}
