package query

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// Query is one SELECT, or a statement about maintained aggregates: an immutable value, safe for concurrent use, made by
// [Parse] or by [From] and its kin. Each of its methods that make a query returns
// another one and leaves it as it is.
type Query struct {
	verb     verb
	name     Expr // of the aggregate that is created or dropped
	marks    marks
	explain  Explained
	distinct bool
	items    []Item
	from     Source
	joins    []Join
	where    Expr
	groups   []Expr
	window   Window
	having   Expr
	order    []Order
	limit    Expr
	offset   Expr

	text string // as parsed; "" of a query made in Go, or of one made from another
}

// Explained says what is wanted of a query in place of its rows.
type Explained uint8

// What EXPLAIN can be.
const (
	NotExplained   Explained = iota
	Explain                  // the plan
	ExplainAnalyze           // the plan, and what running it took
)

// Item is an element of a SELECT list: an expression and the name of its column,
// "" for one made of the expression.
type Item struct {
	Expr Expr
	Name string
}

// Selectable is what Select takes: an [Expr], or an [Item] made by Expr.As.
type Selectable interface{ item() Item }

func (e Expr) item() Item { return Item{Expr: e} }
func (i Item) item() Item { return i }

// As is e under the name that its column gets; e AS name.
func (e Expr) As(name string) Item { return Item{e, name} }

// Order is an element of ORDER BY.
type Order struct {
	Expr       Expr
	Descending bool
	Nulls      Nulls
}

// Nulls says where nulls stand in an order.
type Nulls uint8

// The places of nulls. NULLS LAST and NULLS FIRST are these whichever way values
// run.
const (
	NullsDefault Nulls = iota // behind all values, before them where these descend
	NullsFirst
	NullsLast
)

// Sortable is what OrderBy takes: an [Expr], ascending, or an [Order].
type Sortable interface{ order() Order }

func (e Expr) order() Order  { return Order{Expr: e} }
func (o Order) order() Order { return o }

// Desc is e from the greatest to the least.
func (e Expr) Desc() Order { return Order{Expr: e, Descending: true} }

// NullsFirst is e from the least to the greatest behind all nulls.
func (e Expr) NullsFirst() Order { return Order{Expr: e, Nulls: NullsFirst} }

// NullsFirst is o with nulls before all values.
func (o Order) NullsFirst() Order {
	o.Nulls = NullsFirst
	return o
}

// NullsLast is o with nulls behind all values.
func (o Order) NullsLast() Order {
	o.Nulls = NullsLast
	return o
}

// From selects from the events of a stream that count: its changes and deletes,
// without those that were retracted.
func From(stream string) Query { return Query{from: EventsOf(stream)} }

// FromSource selects from a source of any kind.
func FromSource(s Source) Query { return Query{from: s} }

// Select chooses the columns of the answer; without it, or without arguments, they
// are all of the source's.
func (q Query) Select(items ...Selectable) Query {
	q.items = nil
	for _, i := range items {
		q.items = append(q.items, i.item())
	}
	return q.made()
}

// Distinct leaves out rows that are not distinct from one before them.
func (q Query) Distinct() Query {
	q.distinct = true
	return q.made()
}

// Where keeps the rows of which cond is true. Called again, both must be.
func (q Query) Where(cond Expr) Query {
	q.where = both(q.where, cond)
	return q.made()
}

// Join adds sources.
func (q Query) Join(joins ...Join) Query {
	q.joins = append(slices.Clip(q.joins), joins...)
	return q.made()
}

// GroupBy makes one row of all that agree in by, and in their window if there is one.
func (q Query) GroupBy(by ...Expr) Query {
	q.groups = append(slices.Clip(q.groups), by...)
	return q.made()
}

// Window makes one row, or one for each group, of all in one window of time.
func (q Query) Window(w Window) Query {
	q.window = w
	return q.made()
}

// Having keeps the groups of which cond is true. Called again, both must be.
func (q Query) Having(cond Expr) Query {
	q.having = both(q.having, cond)
	return q.made()
}

// OrderBy puts the rows in order, those equal in the first by the second.
func (q Query) OrderBy(by ...Sortable) Query {
	q.order = slices.Clip(q.order)
	for _, o := range by {
		q.order = append(q.order, o.order())
	}
	return q.made()
}

// Limit ends the answer after n rows: a number or a [Param].
func (q Query) Limit(n any) Query {
	q.limit = Lit(n)
	return q.made()
}

// Offset leaves out the first n rows: a number or a [Param].
func (q Query) Offset(n any) Query {
	q.offset = Lit(n)
	return q.made()
}

// Explain asks for the plan in place of the rows, or for the rows again.
func (q Query) Explain(e Explained) Query {
	q.explain = e
	return q.made()
}

// both is a AND b, where a may be none.
func both(a, b Expr) Expr {
	if a.op == noOp {
		return b
	}
	return a.And(b)
}

// made is q without the text of the query that it was made from.
func (q Query) made() Query {
	q.text = ""
	return q
}

// Equal reports whether both are the same query, whatever their texts look like.
func (q Query) Equal(o Query) bool {
	return reflect.DeepEqual(q.unplaced(), o.unplaced())
}

// unplaced is q without a trace of where its parts stood in the text.
func (q Query) unplaced() Query {
	q = q.each(func(e Expr) Expr { return e.everywhere(0) }).made()
	q.window.at = 0
	q.from = q.from.unplaced()
	for i := range q.joins {
		q.joins[i].Source = q.joins[i].Source.unplaced()
	}
	return q
}

func (s Source) unplaced() Source {
	s.at = 0
	if s.query != nil {
		q := s.query.unplaced()
		s.query = &q
	}
	return s
}

// each is a copy of q with f of each of its expressions.
func (q Query) each(f func(Expr) Expr) Query {
	q.name, q.marks.source = f(q.name), f(q.marks.source)
	q.items = mapped(q.items, func(i Item) Item { return Item{f(i.Expr), i.Name} })
	q.from = q.from.each(f)
	q.joins = mapped(q.joins, func(j Join) Join { return Join{j.Kind, j.Source.each(f), f(j.On)} })
	q.where = f(q.where)
	q.groups = mapped(q.groups, f)
	q.having = f(q.having)
	q.order = mapped(q.order, func(o Order) Order { return Order{f(o.Expr), o.Descending, o.Nulls} })
	q.limit, q.offset = f(q.limit), f(q.offset)
	return q
}

func mapped[T any](list []T, f func(T) T) []T {
	var all []T
	for _, v := range list {
		all = append(all, f(v))
	}
	return all
}

// check is what makes a query built in Go no query at all, for which it has no
// text that says so.
func (q Query) check() (err error) {
	q.each(func(e Expr) Expr {
		if why := e.bad(); why != "" && err == nil {
			err = errors.New("query: " + why)
		}
		return e
	})
	return err
}

// Source is a stream and what is read of it, or a query and what it answers: made by
// [EventsOf] and its kin.
type Source struct {
	kind   sourceKind
	stream string
	query  *Query // querySource
	alias  string
	moment moment
	known  known
	at     int // 1 + where the stream or the query stands in the text
}

type sourceKind uint8

const (
	eventsSource sourceKind = iota
	allEventsSource
	stateSource
	historySource
	changesSource
	querySource
	aggregateSource // inside of a query source, see bindAggregate
)

// moment is a moment or a range of event time.
type moment struct {
	kind momentKind
	a, b Expr
}

type momentKind uint8

const (
	noMoment momentKind = iota
	asOfMoment
	betweenMoment
	fromToMoment
)

// known is a moment of what was known.
type known struct {
	kind knownKind
	at   Expr
}

type knownKind uint8

const (
	notKnown knownKind = iota
	knownBy
	knownAt
)

// EventsOf is the events of a stream that count: its changes and deletes, without
// those that were retracted.
func EventsOf(stream string) Source { return Source{stream: stream} }

// AllEventsOf is all events of a stream: heartbeats, retractions and what they
// retract too.
func AllEventsOf(stream string) Source { return Source{kind: allEventsSource, stream: stream} }

// StateOf is the states of a stream's keys.
func StateOf(stream string) Source { return Source{kind: stateSource, stream: stream} }

// HistoryOf is the states that a stream's keys had, each with when it was so.
func HistoryOf(stream string) Source { return Source{kind: historySource, stream: stream} }

// ChangesOf is the keys of a stream whose states at two moments, chosen by
// FromTo, are not the same.
func ChangesOf(stream string) Source { return Source{kind: changesSource, stream: stream} }

// RowsOf is the rows that a query answers. Its order, if it has one, is that of a
// LIMIT: what is asked of its rows comes in none.
func RowsOf(q Query) Source {
	q = q.Explain(NotExplained)
	return Source{kind: querySource, query: &q}
}

// As gives the source a name for the columns of a query.
func (s Source) As(name string) Source {
	s.alias = name
	return s
}

// AsOf reads the source as of event time t, inclusive: a [time.Time], a text of
// one, or an expression without columns, such as a [Param].
func (s Source) AsOf(t any) Source {
	s.moment = moment{kind: asOfMoment, a: Lit(t)}
	return s
}

// Between reads what was at some moment from a to b, both inclusive.
func (s Source) Between(a, b any) Source {
	s.moment = moment{betweenMoment, Lit(a), Lit(b)}
	return s
}

// FromTo reads what was at some moment from a, inclusive, to b, exclusive.
func (s Source) FromTo(a, b any) Source {
	s.moment = moment{fromToMoment, Lit(a), Lit(b)}
	return s
}

// KnownBy reads what was known at time t.
func (s Source) KnownBy(t any) Source {
	s.known = known{knownBy, Lit(t)}
	return s
}

// KnownAt reads what was known at position seq.
func (s Source) KnownAt(seq any) Source {
	s.known = known{knownAt, Lit(seq)}
	return s
}

// name is what the columns of the source can be qualified with.
func (s Source) name() string {
	if s.alias != "" {
		return s.alias
	}
	return s.stream
}

func (s Source) each(f func(Expr) Expr) Source {
	if s.query != nil {
		q := s.query.each(f)
		s.query = &q
	}
	s.moment.a, s.moment.b, s.known.at = f(s.moment.a), f(s.moment.b), f(s.known.at)
	return s
}

// Join is a second source and how its rows go with those before.
type Join struct {
	Kind   JoinKind
	Source Source
	On     Expr
}

// JoinKind says which rows a join gives.
type JoinKind uint8

// The kinds of join.
const (
	InnerJoin    JoinKind = iota // rows with a partner
	LeftJoin                     // and those of the left side without one
	AsOfJoin                     // the partner is a state as of the time of the left row
	AsOfLeftJoin                 // and rows of the left side without one
)

// Window is how time is cut into windows: made by [Tumble], [Hop], [Session], [Slide],
// [Every] or [Calendar]. The zero Window is none.
type Window struct {
	kind windowKind
	size time.Duration // of sessions the gap
	by   time.Duration // between starts of hopping windows, offset of tumbling ones
	n    int           // units of a calendar window, rows of a counted one
	unit Unit
	zone string
	at   int // 1 + where it stands in the text
}

type windowKind uint8

const (
	noWindow windowKind = iota
	tumbleWindow
	hopWindow
	sessionWindow
	slidingWindow
	countedWindow
	calendarWindow
)

// Unit is a unit of the calendar.
type Unit = aggregate.Unit

// The units of calendar windows. Weeks begin on Monday.
const (
	Day     = aggregate.Day
	Week    = aggregate.Week
	Month   = aggregate.Month
	Quarter = aggregate.Quarter
	Year    = aggregate.Year
)

// Tumble is windows of one size that follow one another, one of them beginning at
// offset after 1970 UTC.
func Tumble(size, offset time.Duration) Window {
	return Window{kind: tumbleWindow, size: size, by: offset}
}

// Hop is windows of one size that begin every so often; an event is in each that
// it falls into.
func Hop(size, every time.Duration) Window { return Window{kind: hopWindow, size: size, by: every} }

// Session is windows that end where for longer than gap nothing happens.
func Session(gap time.Duration) Window { return Window{kind: sessionWindow, size: gap} }

// Slide is windows that end with a row each, and hold what is less than size older.
func Slide(size time.Duration) Window { return Window{kind: slidingWindow, size: size} }

// Every is windows of n rows each, in the order of time and seq.
func Every(n int) Window { return Window{kind: countedWindow, n: n} }

// depends reports whether a row's window depends on other rows.
func (w *Window) depends() bool {
	return w.kind == sessionWindow || w.kind == slidingWindow || w.kind == countedWindow
}

// Calendar is windows of n days, weeks, months, quarters or years of the calendar
// in a time zone, "" for UTC.
func Calendar(n int, unit Unit, zone string) Window {
	return Window{kind: calendarWindow, n: n, unit: unit, zone: zone}
}

// kindNamed is the kind of value of that name.
func kindNamed(name string) (segment.ValueKind, bool) {
	for k := segment.BoolValue; k <= segment.JSONValue; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}
