package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

type order struct {
	ID    string `annals:",key"`
	Price float64
	Count int64
	Note  string `annals:"note,omitempty"`
}

func openOrders(t *testing.T) (*DB, *Typed[order]) {
	t.Helper()
	db, err := Open(t.TempDir(), &Options{Sync: SyncNever})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	orders, err := Of[order](db, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return db, orders
}

func TestOf_Shapes(t *testing.T) {
	cases := map[string]func() error{
		"int is no struct":                           func() error { _, err := Of[int](nil, "s"); return err },
		"*store.order is no":                         func() error { _, err := Of[*order](nil, "s"); return err },
		"no field tagged `annals:\",key\"`":          func() error { _, err := Of[struct{ A int }](nil, "s"); return err },
		"struct { A chan int }.A: a chan int cannot": func() error { _, err := Of[struct{ A chan int }](nil, "s"); return err },
	}
	for cause, of := range cases {
		err := of()
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), cause) {
			t.Errorf("error %v, want one that says %q", err, cause)
		}
	}
}

func TestTyped_EventHasKeyAndFields(t *testing.T) {
	orders, err := Of[order](nil, "orders")
	if err != nil {
		t.Fatal(err)
	}
	e, err := orders.Event(order{ID: "o-1", Price: 2.5})
	if err != nil {
		t.Fatal(err)
	}
	if e.Stream != "orders" || e.Key != "o-1" || e.Kind != Change {
		t.Errorf("got %+v", e)
	}
	sameFields(t, e.Fields, Fields{Float64("price", 2.5), Int64("count", 0)})
}

func TestTyped_FromNamesStreamKeyAndField(t *testing.T) {
	orders, err := Of[order](nil, "orders")
	if err != nil {
		t.Fatal(err)
	}
	_, err = orders.From(State{Key: "o-1", Fields: Fields{Float64("count", 1)}})
	want := `match field "count" to store.order.Count, stream "orders", key "o-1": float64 1 is no int64`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestTyped_EventNamesTheKeyOfABadValue(t *testing.T) {
	type counter struct {
		Name string `annals:",key"`
		N    uint64
	}
	counters, err := Of[counter](nil, "counters")
	if err != nil {
		t.Fatal(err)
	}
	_, err = counters.Event(counter{"c", 1 << 63})
	var fe *FieldError
	if !errors.As(err, &fe) || fe.Stream != "counters" || fe.Key != "c" || fe.Field != "n" {
		t.Errorf("error %v", err)
	}
}

func TestTyped_PutGetScanDelete(t *testing.T) {
	db, orders := openOrders(t)
	ctx := context.Background()
	a, b, c := order{"a", 1, 1 << 60, ""}, order{"b", 2, 2, "x"}, order{"c", 3, 3, ""}
	if r, err := orders.Put(ctx, a, b, c); err != nil || r.First != 1 || r.Last != 3 {
		t.Fatalf("receipt %+v, error %v", r, err)
	}
	before := db.Latest()
	if _, err := orders.Delete(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := orders.Get(db.Latest(), "a"); got != a || !ok || err != nil {
		t.Errorf("a is %+v, %v, %v", got, ok, err)
	}
	if got, ok, err := orders.Get(db.Latest(), "b"); got != (order{}) || ok || err != nil {
		t.Errorf("deleted b is %+v, %v, %v", got, ok, err)
	}
	if got := scanned(t, orders, before, Range{}); !slices.Equal(got, []order{a, b, c}) {
		t.Errorf("before the delete: %+v", got)
	}
	if got := scanned(t, orders, db.Latest(), Range{Reverse: true}); !slices.Equal(got, []order{c, a}) {
		t.Errorf("after it, in reverse: %+v", got)
	}
}

func TestTyped_EventThroughABatch(t *testing.T) {
	db, orders := openOrders(t)
	e, err := orders.Event(order{ID: "a", Price: 7})
	if err != nil {
		t.Fatal(err)
	}
	e.Time = time.Unix(100, 0)
	if _, err := db.Append(context.Background(), Batch{Events: []Event{e}}); err != nil {
		t.Fatal(err)
	}
	view, err := db.View(AsOf(time.Unix(99, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := orders.Get(view, "a"); ok || err != nil {
		t.Errorf("as of a second before: %v, %v", ok, err)
	}
	if got, ok, err := orders.Get(db.Latest(), "a"); !ok || err != nil || got.Price != 7 {
		t.Errorf("now: %+v, %v, %v", got, ok, err)
	}
}

func TestTyped_NothingIsStoredWhenOneDoesNotFit(t *testing.T) {
	type counter struct {
		Name string `annals:",key"`
		N    uint64
	}
	db, orders := openOrders(t)
	counters, err := Of[counter](db, "counters")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := counters.Put(context.Background(), counter{"ok", 1}, counter{"far", 1 << 63}); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if _, err := orders.Put(context.Background(), order{ID: "a"}, order{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("empty key: error %v", err)
	}
	if seq := db.Latest().Seq(); seq != 0 {
		t.Errorf("%d events are stored", seq)
	}
}

func TestTyped_ScanEndsAtAValueThatDoesNotFit(t *testing.T) {
	db, orders := openOrders(t)
	ctx := context.Background()
	if _, err := orders.Put(ctx, order{ID: "a"}, order{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	wrong := Event{Stream: "orders", Key: "b", Fields: Fields{String("count", "many")}}
	if _, err := db.Append(ctx, Batch{Events: []Event{wrong}}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var last error
	for o, err := range orders.Scan(db.Latest(), Range{}) {
		if last = err; err == nil {
			keys = append(keys, o.ID)
		}
	}
	var fe *FieldError
	if !errors.As(last, &fe) || fe.Key != "b" || !slices.Equal(keys, []string{"a"}) {
		t.Errorf("keys %v, error %v", keys, last)
	}
	if _, ok, err := orders.Get(db.Latest(), "b"); ok || !errors.As(err, &fe) {
		t.Errorf("Get: %v, %v", ok, err)
	}
}

func TestTyped_NoStream(t *testing.T) {
	db, orders := openOrders(t)
	if _, _, err := orders.Get(db.Latest(), "a"); !errors.Is(err, ErrNoStream) {
		t.Errorf("Get: error %v", err)
	}
	var last error
	for _, err := range orders.Scan(db.Latest(), Range{}) {
		last = err
	}
	if !errors.Is(last, ErrNoStream) {
		t.Errorf("Scan: error %v", last)
	}
}

func scanned(t *testing.T, orders *Typed[order], view *View, r Range) []order {
	t.Helper()
	var got []order
	for o, err := range orders.Scan(view, r) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	return got
}
