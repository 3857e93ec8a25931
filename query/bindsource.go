package query

import (
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// source is what a plan reads: a stream, as what, and at which moment.
type source struct {
	kind      sourceKind
	stream    string
	plan      *plan            // querySource
	aggregate *store.Aggregate // aggregateSource
	name      string           // that its columns are qualified with

	// Event time from lo to hi, both inclusive: of events, when they happened;
	// of states, as of hi; of history, the moments at one of which a state was
	// valid; of changes, the two moments whose states are compared.
	lo, hi int64

	known knownKind
	by    int64  // knownBy: a time
	seq   uint64 // knownAt: a position

	fields []string // of the stream, once they were asked for
}

// empty reports whether the range has no moment.
func (s *source) empty() bool { return s.lo > s.hi }

func (b *binder) bindSources(q Query) error {
	all := []Source{q.from}
	for _, j := range q.joins {
		all = append(all, j.Source)
	}
	for i, from := range all {
		at := Expr{at: from.at}
		s := &source{kind: from.kind, stream: from.stream, name: from.name(), lo: math.MinInt64, hi: math.MaxInt64}
		if a := b.aggregateOf(from); a != nil {
			if err := b.bindAggregate(s, a, from); err != nil {
				return err
			}
			from.moment, from.known = moment{}, known{}
		} else if from.query != nil {
			if err := b.bindDerived(s, from); err != nil {
				return err
			}
		} else if err := b.checkStream(from, at); err != nil {
			return err
		}
		if err := b.checkStates(s, at); err != nil {
			return err
		}
		if slices.ContainsFunc(b.sources, func(o *source) bool { return o.name == s.name }) {
			return b.fail(at, "two sources are called %s: expected another name behind one, as in %s AS b", quoteName(s.name), quoteName(s.stream))
		}
		if i > 0 && from.known.kind != notKnown {
			return b.fail(from.known.at, "KNOWN stands with the first source and goes for all")
		}
		if err := b.bindMoment(s, from.moment, at); err != nil {
			return err
		}
		if err := b.bindKnown(s, from.known); err != nil {
			return err
		}
		if i > 0 {
			s.knownAs(b.sources[0])
		} else if s.plan != nil {
			s.knownAs(s.plan.sources[0])
		}
		b.sources = append(b.sources, s)
	}
	return nil
}

// knownAs makes s known as o is.
func (s *source) knownAs(o *source) { s.known, s.by, s.seq = o.known, o.by, o.seq }

func (b *binder) checkStream(s Source, at Expr) error {
	if b.catalog == nil {
		return nil
	}
	streams, err := b.catalog.Streams()
	if err != nil || slices.Contains(streams, s.stream) {
		return err
	}
	return b.fail(at, "there is no stream %s%s", quoteName(s.stream), meant(s.stream, streams))
}

// checkStates is an error if s is of states and the source has events alone.
func (b *binder) checkStates(s *source, at Expr) error {
	r, ok := b.catalog.(Reader)
	if _, states := r.(StateReader); !ok || states || s.kind <= allEventsSource || s.plan != nil {
		return nil
	}
	return b.fail(at, "states are made of all events of a key, and here are some alone: expected the events of %s, or a whole database", quoteName(s.stream))
}

// bindMoment finds the range of event time: SQL:2011's rules for AS OF, BETWEEN and
// FROM TO.
func (b *binder) bindMoment(s *source, m moment, at Expr) (err error) {
	switch {
	case m.kind == noMoment && s.kind == changesSource:
		return b.fail(at, "CHANGES are between two moments: expected FROM a TO b behind the stream")
	case m.kind == noMoment:
		return nil
	case s.kind == stateSource && m.kind != asOfMoment:
		return b.fail(m.a, "a state is as of one moment: expected AS OF, or HISTORY OF for all of a range")
	case s.kind == changesSource && m.kind != fromToMoment:
		return b.fail(m.a, "CHANGES are between two moments: expected FROM a TO b")
	}
	first, err := b.time(m.a)
	if err != nil || m.kind == asOfMoment {
		if s.hi = first; s.kind == historySource {
			s.lo = first
		}
		return err
	}
	if s.hi, err = b.time(m.b); err != nil {
		return err
	}
	if s.lo = first; s.lo > s.hi {
		return b.fail(m.b, "this range ends before it begins")
	}
	if m.kind == fromToMoment && s.kind != changesSource {
		if s.hi == math.MinInt64 {
			s.lo, s.hi = 1, 1 // nothing is before the first moment
		}
		s.hi--
	}
	return nil
}

func (b *binder) bindKnown(s *source, k known) (err error) {
	switch s.known = k.kind; k.kind {
	case knownBy:
		s.by, err = b.time(k.at)
	case knownAt:
		var v Value
		if v, err = b.constant(k.at, "KNOWN AT"); err != nil {
			return err
		}
		if v.Kind() != segment.Int64Value || v.Int64() < 0 {
			return b.fail(k.at, "KNOWN AT takes a position, a whole number of 0 or more, not %s", brief(v))
		}
		s.seq = uint64(v.Int64())
	}
	return err
}

// time is the moment that a constant expression says.
func (b *binder) time(e Expr) (int64, error) {
	v, err := b.constant(e, "a moment")
	switch {
	case err != nil:
		return 0, err
	case v.Kind() == segment.TimeValue:
		return v.Nanos(), nil
	case v.Kind() == segment.StringValue:
		ns, err := parseTime(v.Str(), nil)
		if err != nil {
			return 0, b.fail(e, "%s", err)
		}
		return ns, nil
	}
	return 0, b.fail(e, "a moment is a time, not %s %s", v.Kind(), brief(v))
}

func (b *binder) bindJoins(q Query) error {
	for i, j := range q.joins {
		right := b.sources[i+1]
		at := Expr{at: j.Source.at}
		switch asOf := j.Kind >= AsOfJoin; {
		case asOf && (right.kind != eventsSource || j.Source.moment.kind != noMoment):
			return b.fail(at, "an ASOF JOIN is with the states of a stream as of the time of each row: expected its name alone")
		case asOf && b.sources[0].kind == changesSource:
			return b.fail(at, "a change has no time of its own to be joined as of")
		case asOf:
			right.kind = stateSource
			if err := b.checkStates(right, at); err != nil {
				return err
			}
		case right.kind != stateSource && right.plan == nil:
			return b.fail(at, "a JOIN is with states: expected STATE OF %s, or ASOF JOIN", quoteName(right.stream))
		}
		on, err := b.bindOn(j.On, i+1)
		if err != nil {
			return err
		}
		on.kind = j.Kind
		b.joins = append(b.joins, on)
	}
	return nil
}

// bindOn binds what has to be equal for a join with a source: of each equality one
// side is of that source, the other of those before.
func (b *binder) bindOn(on Expr, number int) (j join, err error) {
	parts := []Expr{on}
	if on.op == andOp {
		parts = on.args
	}
	b.clause = "ON"
	defer func() { b.clause = "" }()
	for _, part := range parts {
		if part.op != equalOp {
			return j, b.fail(part, "ON takes equalities with AND between them; other conditions stand in WHERE")
		}
		var sides [2]*node
		for k, e := range part.args {
			if sides[k], err = b.expr(e); err != nil {
				return j, err
			}
		}
		of0, of1 := b.reads(sides[0], number), b.reads(sides[1], number)
		switch {
		case of0 == onlySources && of1 == otherSources:
			sides[0], sides[1] = sides[1], sides[0]
		case of0 != otherSources || of1 != onlySources:
			return j, b.fail(part, "expected one side of the equality to be of %s and the other of a source before it", quoteName(b.sources[number].name))
		}
		j.left, j.right = append(j.left, sides[0]), append(j.right, sides[1])
	}
	return j, nil
}

// reading says of which sources an expression has columns.
type reading uint8

const (
	noSources    reading = 0
	onlySources  reading = 1 // of the one asked for
	otherSources reading = 2 // of those before it
	laterSources reading = 4
)

// reads is which sources, in relation to one, n has columns of.
func (b *binder) reads(n *node, number int) (r reading) {
	n.walk(func(part *node) bool {
		if part.op != columnOp {
			return true
		}
		switch at := b.columns[part.slot].source; {
		case at == number:
			r |= onlySources
		case at < number:
			r |= otherSources
		default:
			r |= laterSources
		}
		return true
	})
	return r
}
