//go:build unix

package fuzz

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

var (
	killsFlag    = flag.Int("kills", 25, "how many processes TestKill kills")
	killSeedFlag = flag.Uint64("killseed", 0, "seed of TestKill; 0 picks one")
)

// killRounds is how many times a directory is checked before the next is begun:
// what a recovery left behind has to survive the next one.
const killRounds = 5

// TestKill kills a process that appends under load, again and again, and looks
// at what it left:
//
//	go test ./fuzz -run TestKill -kills 500 -timeout 30m
//
// A kill -9 takes nothing that was written, synced or not, so in all three sync
// modes every acknowledged batch must be there, whole and in place, and every
// other batch whole or not at all.
func TestKill(t *testing.T) {
	seed := *killSeedFlag
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d (-killseed %d -kills %d)", seed, seed, *killsFlag)
	rnd := rand.New(rand.NewPCG(seed, 1))
	var total killTotal
	for total.kills < *killsFlag {
		r := &killRun{t: t, dir: t.TempDir(), rnd: rnd, total: &total}
		for range killRounds {
			if r.round(); total.kills >= *killsFlag {
				break
			}
		}
	}
	t.Logf("%+v", total)
}

// killTotal is what a test came across, to see that it tests something.
type killTotal struct {
	kills, checks int
	events        int
	acknowledged  int // batches
	arrived, lost int // batches in doubt
	torn, rebuilt int // recoveries
	sealed        int // sealed files found
	unfinished    int // kills that left a file that was not finished
}

// killRun is one directory and what has to be in it.
type killRun struct {
	t     *testing.T
	dir   string
	rnd   *rand.Rand
	said  killSaid
	log   []store.Event // what was there at the last check
	total *killTotal
}

// round kills one to three processes and checks the directory. All but the last
// may die before they wrote a thing, or while they recover.
func (r *killRun) round() {
	r.said = killSaid{map[string]killIntent{}, map[string]killAck{}}
	for early := 0; early < 2 && r.rnd.IntN(3) == 0; early++ {
		r.kill(false, time.Duration(r.rnd.Int64N(int64(60*time.Millisecond))))
	}
	r.kill(true, time.Duration(r.rnd.Int64N(int64(150*time.Millisecond))))
	if err := r.check(); err != nil {
		r.t.Fatalf("directory %s: %v", r.keep(), err)
	}
}

// add counts a check that found the batches placed.
func (t *killTotal) add(r store.Recovery, said *killSaid, placed map[string]uint64) {
	t.checks++
	t.events += int(r.Events)
	t.acknowledged += len(said.acks)
	t.arrived += len(placed) - len(said.acks)
	t.lost += len(said.intents) - len(placed)
	t.sealed += r.Sealed
	if r.TornBytes > 0 {
		t.torn++
	}
	if r.StateRebuilt {
		t.rebuilt++
	}
}

// keep copies the directory to where it outlives the test.
func (r *killRun) keep() string {
	dir, err := os.MkdirTemp("", "annals-kill-")
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(r.dir))
	}
	if err != nil {
		r.t.Log(err)
	}
	return dir
}

// kill runs a child and kills it after the delay, counted from its first
// acknowledgement or else from its start.
func (r *killRun) kill(afterAck bool, delay time.Duration) {
	r.total.kills++
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(exe, "-test.run=^TestKillChild$", "-test.timeout=2m")
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), killDirEnv+"="+r.dir,
		killSeedEnv+"="+strconv.FormatUint(r.rnd.Uint64N(1<<48), 10),
		killSyncEnv+"="+strconv.Itoa(r.rnd.IntN(3)))
	stdin, err := cmd.StdinPipe() // closed at our end when this process dies
	if err != nil {
		r.t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	acked, heard := make(chan struct{}), make(chan error, 1)
	go func() { heard <- r.said.listen(stdout, acked) }()
	if afterAck {
		select {
		case <-acked:
		case err := <-heard:
			heard <- err
		}
	}
	time.Sleep(delay)
	cmd.Process.Kill()
	said := <-heard
	err = cmd.Wait()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if said != nil || status.Signal() != syscall.SIGKILL {
		r.t.Fatalf("directory %s: child ended with %v, not by the kill: %v\n%s", r.keep(), err, said, stderr.Bytes())
	}
}

// check opens what the children left and holds it against what they said.
func (r *killRun) check() error {
	if corruptUnfinished(r.dir) != nil {
		r.total.unfinished++
	}
	db, err := store.Open(r.dir, killOptions(store.SyncAlways))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range db.Streams() {
		if !slices.Contains(killStreams, s) {
			return fmt.Errorf("recovered stream %+v, which nobody defined", s)
		}
	}
	placed, err := r.checkLog(db)
	if err != nil {
		return fmt.Errorf("after %s: %w", db.Recovery(), err)
	}
	r.total.add(db.Recovery(), &r.said, placed)
	if err := r.checkState(db); err != nil {
		return fmt.Errorf("after %s: %w", db.Recovery(), err)
	}
	for _, tag := range r.retried() {
		if err := killRetry(db, r.said.intents[tag], placed[tag]); err != nil {
			return fmt.Errorf("retry batch %s, first at %d: %w", tag, placed[tag], err)
		}
	}
	if r.log, err = plainEvents(db.Latest()); err != nil {
		return fmt.Errorf("after retries: %w", err)
	}
	if err := r.checkState(db); err != nil {
		return fmt.Errorf("after retries: %w", err)
	}
	if _, err := db.Verify(context.Background(), nil); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := db.Seal(context.Background()); err != nil {
		return err
	}
	if err := r.checkState(db); err != nil {
		return fmt.Errorf("after sealing: %w", err)
	}
	if err := db.Close(); err != nil {
		return err
	}
	return corruptUnfinished(r.dir)
}

// checkLog finds every batch in the log: what was there before as it was, then
// batch after batch that a child announced, and among them all acknowledged
// ones. It returns the first position of each.
func (r *killRun) checkLog(db *store.DB) (placed map[string]uint64, err error) {
	events, err := plainEvents(db.Latest())
	if err != nil {
		return nil, err
	}
	if len(events) < len(r.log) {
		return nil, fmt.Errorf("%d events, there were %d at the last check", len(events), len(r.log))
	}
	for i, e := range r.log {
		if !plainSameEvent(events[i], e) {
			return nil, fmt.Errorf("event %d is %s, at the last check it was %s", i+1, plainText(events[i]), plainText(e))
		}
	}
	placed = map[string]uint64{}
	for at := len(r.log); at < len(events); {
		end := at + 1
		for end < len(events) && events[end].Recorded.Equal(events[at].Recorded) {
			end++
		}
		if err := r.checkBatch(events, at, end, placed); err != nil {
			return nil, err
		}
		at = end
	}
	r.log = events
	for tag, a := range r.said.acks {
		if placed[tag] == 0 {
			return nil, fmt.Errorf("batch %s was acknowledged at %d and is not there", tag, a.receipt.First)
		}
	}
	return placed, nil
}

// checkBatch compares the batch at events[at:end] with what was announced and
// acknowledged.
func (r *killRun) checkBatch(events []store.Event, at, end int, placed map[string]uint64) error {
	first := events[at].Seq
	field, _ := events[at].Fields.Get("tag")
	tag := field.Str()
	in, ok := r.said.intents[tag]
	if !ok || placed[tag] != 0 {
		return fmt.Errorf("event %d begins a batch %q that nobody appended there: %s", first, tag, plainText(events[at]))
	}
	placed[tag] = first
	if err := killWritten(events[at:end], in.batch(), events); err != nil {
		return fmt.Errorf("batch %s at %d: %w", tag, first, err)
	}
	a, ok := r.said.acks[tag]
	if !ok {
		return nil
	}
	got := store.Receipt{First: first, Last: first + uint64(end-at) - 1, Recorded: events[at].Recorded}
	for _, e := range events[at:end] {
		got.Versions = append(got.Versions, e.Version)
	}
	want := a.receipt
	if got.First != want.First || got.Last != want.Last || !got.Recorded.Equal(want.Recorded) || !slices.Equal(got.Versions, want.Versions) {
		return fmt.Errorf("batch %s is at %+v, acknowledged was %+v", tag, got, want)
	}
	return nil
}

// checkState compares the latest state of every key with the plain fold.
func (r *killRun) checkState(db *store.DB) error {
	return newPlain(db.Streams(), killFolds, r.log).check(db.Latest())
}

// retried are the batches in doubt, and some of those that are not.
func (r *killRun) retried() []string {
	tags := slices.Sorted(maps.Keys(r.said.intents))
	some := 5
	return slices.DeleteFunc(tags, func(tag string) bool {
		if _, acked := r.said.acks[tag]; !acked {
			return false
		}
		some--
		return some < 0
	})
}

// killRetry appends once more a batch that is in the log at first, or is not
// there (0): with an ID on every event it must end up there once.
func killRetry(db *store.DB, in killIntent, first uint64) error {
	b := in.batch()
	ids := 0
	for _, e := range b.Events {
		if e.ID != "" {
			ids++
		}
	}
	switch {
	case ids == 0 || ids < len(b.Events) && first == 0:
		return nil
	case ids < len(b.Events):
		if _, err := db.Append(context.Background(), b); !errors.Is(err, store.ErrIdempotency) {
			return fmt.Errorf("some of its events have IDs that are there, and the error is %v", err)
		}
		return nil
	case first == 0:
		r, err := db.Append(context.Background(), b)
		if err != nil || r.Duplicate {
			return fmt.Errorf("it was not there and is %+v, %v", r, err)
		}
		first = r.First
	}
	r, err := db.Append(context.Background(), b)
	if err != nil || !r.Duplicate || r.First != first || r.Last != first+uint64(ids)-1 {
		return fmt.Errorf("it is there, and appended again gives %+v, %v", r, err)
	}
	return nil
}
