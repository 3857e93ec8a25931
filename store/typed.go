package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
)

// Typed is one stream seen as a collection of T, a struct whose fields are the
// fields of the events. It holds nothing but the names and is safe for
// concurrent use.
//
// It covers the plain uses. What needs an event time, a type, an ID or an
// expectation starts from [Typed.Event] and goes through [DB.Append]; states
// got from [View.History], [View.Between] or [View.Diff] become a T by
// [Typed.From].
type Typed[T any] struct {
	db     *DB
	stream string
	plan   *plan
}

// Of is the stream as a collection of T. T is a struct with one string field
// tagged `annals:",key"`; [FieldsOf] says what becomes of the others. A T of
// another shape is an error that names the Go field. Of neither defines the
// stream nor asks that it exist: the first Put defines it with a replace fold,
// and for other settings [DB.Define] comes first.
//
//	type Order struct {
//		ID    string `annals:",key"`
//		Price float64
//		Note  string `annals:"note,omitempty"`
//	}
//	orders, err := store.Of[Order](db, "orders")
func Of[T any](db *DB, stream string) (*Typed[T], error) {
	p, err := typedPlan(reflect.TypeFor[T]())
	if err != nil {
		return nil, fmt.Errorf("type stream %q: %w", stream, err)
	}
	return &Typed[T]{db: db, stream: stream, plan: p}, nil
}

// typedPlan is the plan of t, which has to be a struct with a key.
func typedPlan(t reflect.Type) (*plan, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct: %w", t, ErrInvalid)
	}
	p, err := planOf(t)
	if err != nil {
		return nil, err
	}
	if p.key == nil {
		return nil, fmt.Errorf("%s has no field tagged `annals:\",key\"`: %w", t, ErrInvalid)
	}
	return p, nil
}

// Event is the change that says v: stream, key and fields are set, the rest is
// the caller's to add before it goes into a [Batch].
func (t *Typed[T]) Event(v T) (Event, error) {
	rv := reflect.ValueOf(&v).Elem()
	key := rv.FieldByIndex(t.plan.key).String()
	fields, err := t.plan.fieldsOf(rv)
	if err != nil {
		return Event{}, t.locate(err, key)
	}
	return Event{Stream: t.stream, Key: key, Fields: fields}, nil
}

// Put appends a change for each of vs, all or nothing.
func (t *Typed[T]) Put(ctx context.Context, vs ...T) (Receipt, error) {
	events := make([]Event, len(vs))
	for i, v := range vs {
		var err error
		if events[i], err = t.Event(v); err != nil {
			return Receipt{}, err
		}
	}
	return t.db.Append(ctx, Batch{Events: events})
}

// Delete appends a delete of each of the keys, all or nothing. Whether they
// have a state is not asked.
func (t *Typed[T]) Delete(ctx context.Context, keys ...string) (Receipt, error) {
	events := make([]Event, len(keys))
	for i, key := range keys {
		events[i] = Event{Stream: t.stream, Key: key, Kind: Delete}
	}
	return t.db.Append(ctx, Batch{Events: events})
}

// From is the T that a state says, with its key. A value that does not fit its
// Go field is a [*FieldError]; see [Into].
func (t *Typed[T]) From(s State) (T, error) {
	var v T
	rv := reflect.ValueOf(&v).Elem()
	rv.FieldByIndex(t.plan.key).SetString(s.Key)
	if err := t.plan.fill(s.Fields, rv); err != nil {
		var zero T
		return zero, t.locate(err, s.Key)
	}
	return v, nil
}

// Get is the state of key in the view, and whether it has one.
func (t *Typed[T]) Get(view *View, key string) (T, bool, error) {
	s, ok, err := view.Get(t.stream, key)
	if err != nil || !ok {
		var zero T
		return zero, false, err
	}
	v, err := t.From(s)
	return v, err == nil, err
}

// Scan is the states of the keys of r in the view, in the order of r. An error
// is the last pair.
func (t *Typed[T]) Scan(view *View, r Range) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for s, err := range view.Scan(t.stream, r) {
			var v T
			if err == nil {
				v, err = t.From(s)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// locate adds stream and key to the error of a field.
func (t *Typed[T]) locate(err error, key string) error {
	var fe *FieldError
	if errors.As(err, &fe) {
		fe.Stream, fe.Key = t.stream, key
	}
	return err
}
