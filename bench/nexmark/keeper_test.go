package nexmark

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// keeping is a database whose queries are all kept up to date, on its way through the
// events, closed and killed as often as one likes.
type keeping struct {
	t      *testing.T
	dir    string
	opt    store.Options
	db     *store.DB
	keeper *Keeper // nil before there is an event of each kind
}

// all are the queries.
func all() (list []*Query) {
	for i := range Queries {
		list = append(list, &Queries[i])
	}
	return list
}

// keep opens a new database, which is closed with the test.
func keep(t *testing.T, opt store.Options) *keeping {
	opt.Sync = store.SyncNever
	k := &keeping{t: t, dir: t.TempDir(), opt: opt}
	k.open()
	t.Cleanup(k.close)
	if err := putSide(context.Background(), k.db); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *keeping) open() {
	k.t.Helper()
	var err error
	if k.db, err = store.Open(k.dir, &k.opt); err != nil {
		k.t.Fatal(err)
	}
	k.keeper = nil
}

func (k *keeping) close() {
	if err := k.db.Close(); err != nil {
		k.t.Error(err)
	}
}

// reopen closes the database and opens it again, with bbolt's file or, if it is lost,
// without.
func (k *keeping) reopen(lost bool) {
	k.close()
	if lost {
		if err := os.Remove(filepath.Join(k.dir, "state.db")); err != nil {
			k.t.Fatal(err)
		}
	}
	k.open()
}

// kill goes on with what is in the directory now, as after a crash of the process: a
// copy of it, without bbolt's file, which cannot be copied while it is written.
func (k *keeping) kill() {
	copied := k.t.TempDir()
	for {
		err := copyLogs(copied, k.dir)
		if err == nil {
			break
		}
		if !os.IsNotExist(err) { // a file was sealed or merged meanwhile
			k.t.Fatal(err)
		}
	}
	k.close()
	k.dir = copied
	k.open()
}

// copyLogs makes dst a copy of what is true in src: all but bbolt's file and the lock.
func copyLogs(dst, src string) error {
	files, err := os.ReadDir(src)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dst); err != nil {
		return err
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if f.Name() == "state.db" || strings.HasPrefix(f.Name(), "LOCK") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(src, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(dst, f.Name()), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put appends events as a batch.
func (k *keeping) put(events []store.Event) {
	k.t.Helper()
	if _, err := k.db.Append(context.Background(), store.Batch{Events: events}); err != nil {
		k.t.Fatal(err)
	}
}

// follow brings all answers up to date; false if nothing can be asked yet.
func (k *keeping) follow() bool {
	k.t.Helper()
	for _, s := range []string{People, Auctions, Bids} {
		switch fields, err := k.db.Latest().Fields(s); {
		case err != nil && !errors.Is(err, store.ErrNoStream):
			k.t.Fatal(err)
		case len(fields) == 0:
			return false
		}
	}
	var err error
	if k.keeper == nil {
		k.keeper, err = Keep(context.Background(), k.db, all())
	}
	if err == nil {
		err = k.keeper.Follow(context.Background())
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return true
}

// check holds what is kept of each query against what it has to be; nil: against the
// answer of all events that are there.
func (k *keeping) check(n int, want map[string]Answer) {
	k.t.Helper()
	for i, q := range k.keeper.kept {
		got, err := k.keeper.Answer(context.Background(), i)
		if err != nil {
			k.t.Fatalf("%d events: %v", n, err)
		}
		right := want[q.Name]
		if want == nil {
			if right, err = q.Ask(context.Background(), k.db, 1); err != nil {
				k.t.Fatalf("%d events: %v", n, err)
			}
		}
		if err := right.Check(got); err != nil {
			k.t.Errorf("%d events: %s: %v", n, q.Name, err)
		}
	}
}

// TestKeeper_KnownAnswers: the answers that are known come out of what is kept too, of
// events in order and in no order at all, with a database that was closed, killed, and
// lost its states on the way.
func TestKeeper_KnownAnswers(t *testing.T) {
	for _, a := range []arrival{
		{name: "in order, large batches", config: Config{Events: knownEvents}, batch: 20_000},
		{name: "out of order, small batches", config: Config{Events: knownEvents, Group: knownEvents}, batch: 250,
			store: store.Options{SegmentSize: 1 << 20, Fanout: 2}},
	} {
		t.Run(a.name, func(t *testing.T) {
			k, n := keep(t, a.store), 0
			for events := range batches(a.config, a.batch) {
				k.put(events)
				switch n += len(events); n {
				case 20_000:
					k.kill()
				case 60_000:
					k.reopen(false)
				case 80_000:
					k.reopen(true)
				}
				if n%10_000 == 0 {
					k.follow()
				}
			}
			k.check(n, a.config.Answers())
			k.checkKnown()
		})
	}
}

// checkKnown holds what is kept of all events against what is known: of queries that
// follow the log, the number of rows.
func (k *keeping) checkKnown() {
	k.t.Helper()
	for _, a := range knownAnswers {
		i := slices.IndexFunc(Queries, func(q Query) bool { return q.Name == a.of })
		switch {
		case i < 0: // q5 by other windows, of which nothing is kept
		case Queries[i].Kept != "":
			if got := askOne(k.t, k.db, "SELECT "+a.ask+" FROM ("+Queries[i].Kept+")"); !slices.Equal(got, a.want) {
				k.t.Errorf("%s: %s is %v, known is %v", a.of, a.ask, got, a.want)
			}
		default:
			if got, err := k.keeper.Answer(context.Background(), i); err != nil || got.Rows != a.want[0] {
				k.t.Errorf("%s: %d rows, known are %d, %v", a.of, got.Rows, a.want[0], err)
			}
		}
	}
}

// askOne asks a database, its aggregates included, for one row of integers.
func askOne(t *testing.T, db *store.DB, text string) []int64 {
	t.Helper()
	r, err := query.DB(db)
	if err != nil {
		t.Fatal(err)
	}
	return one(t, r, text)
}

// batches are the events of c, so many at a time.
func batches(c Config, size int) func(yield func([]store.Event) bool) {
	return func(yield func([]store.Event) bool) {
		var b []store.Event
		for e := range c.All() {
			if b = append(b, e.Event()); len(b) == size {
				if !yield(b) {
					return
				}
				b = b[:0]
			}
		}
		if len(b) > 0 {
			yield(b)
		}
	}
}

// TestKeeper_Random: whenever one looks, what is kept is what the query answers of all
// events that are there, which in order are those of a shorter run: whatever the order,
// the batches, when answers are brought up to date, and when the database is closed or
// killed, or loses its states.
func TestKeeper_Random(t *testing.T) {
	for seed, group := range []int{1, 1, 10, 100, 1000, 6000} {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		c := Config{Events: 6000, Rate: 200, Group: group}
		size := 1 + r.IntN(700)
		t.Logf("seed %d: groups of %d, batches of %d", seed, c.Group, size)
		k := keep(t, store.Options{SegmentSize: 64 << 10 << r.IntN(5), Fanout: 2})
		n, looks := 0, 1+max(c.Events/size/5, 1)
		for events := range batches(c, size) {
			k.put(events)
			n += len(events)
			if n < c.Events && r.IntN(looks) > 0 {
				continue
			}
			if !k.follow() {
				continue // the last events are never asked for in vain: there is one of each kind
			}
			if c.Group == 1 || n == c.Events {
				k.check(n, Config{Events: n, Rate: c.Rate}.Answers())
			}
			k.check(n, nil)
			switch r.IntN(4) {
			case 0:
				k.reopen(r.IntN(2) == 0)
			case 1:
				k.kill()
			}
		}
	}
}

// TestKeeper_JoinedLate: what a join finds last changes rows that are long there: all bids
// come before all auctions but one, and those before all people but one.
func TestKeeper_JoinedLate(t *testing.T) {
	var parts [4][]store.Event // one of each kind, then other bids, auctions, people
	var seen [4]bool
	c := Config{Events: 10_000, Rate: 500}
	for e := range c.All() {
		part := 1
		switch {
		case e.Auction != nil:
			part = 2
		case e.Person != nil:
			part = 3
		}
		if !seen[part] {
			seen[part], part = true, 0
		}
		parts[part] = append(parts[part], e.Event())
	}
	k, n := keep(t, store.Options{}), 0
	for _, events := range parts {
		k.put(events)
		n += len(events)
		k.follow()
		k.check(n, nil)
	}
	k.check(n, c.Answers())
}
