//go:build unix

package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// The child of TestKill: appends without end until it is killed, and tells its
// parent on standard output, one line a write,
//
//	I <tag> <seed> <retracted stream> <key> <seq>   before an append ("- - 0" for none)
//	A <tag> <first> <last> <recorded ns> <version>,<version>…   after it returned
//	E <text>                                        when something is wrong
//
// What stands in the pipe survives the killing, so the parent knows every
// acknowledged batch and every batch that was on its way.

// Environment variables that make a test binary the child.
const (
	killDirEnv  = "ANNALS_KILL_DIR"
	killSeedEnv = "ANNALS_KILL_SEED"
	killSyncEnv = "ANNALS_KILL_SYNC"
)

const killWriters = 4

// killOptions has rotations, seals, merges and checkpoints happen all the time.
func killOptions(sync store.SyncMode) *store.Options {
	return &store.Options{
		Sync:            sync,
		SyncEvery:       3 * time.Millisecond,
		SegmentSize:     6 << 10,
		MemoryBytes:     256 << 10,
		Fanout:          2,
		FoldStep:        4,
		CheckpointEvery: 20 * time.Millisecond,
		Folds:           killFolds,
	}
}

// killChild is one run of the child.
type killChild struct {
	db  *store.DB
	mu  sync.Mutex // one line at a time on standard output
	tag string     // names this run among all on the directory
}

// TestKillChild is no test: it is what TestKill starts, and kills.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDirEnv)
	if dir == "" {
		t.Skip("run by TestKill in a process of its own")
	}
	go func() { // a parent that dies closes the pipe
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	seed, _ := strconv.ParseUint(os.Getenv(killSeedEnv), 10, 64)
	mode, _ := strconv.Atoi(os.Getenv(killSyncEnv))
	c := &killChild{tag: os.Getenv(killSeedEnv)}
	var err error
	if c.db, err = store.Open(dir, killOptions(store.SyncMode(mode))); err != nil {
		c.fail("open", err)
	}
	for _, s := range killStreams {
		if err := c.db.Define(t.Context(), s); err != nil {
			c.fail("define "+s.Name, err)
		}
	}
	go c.checkpoint()
	go c.read()
	for w := 1; w < killWriters; w++ {
		go c.write(seed, w)
	}
	c.write(seed, 0)
}

// say writes one line to the parent.
func (c *killChild) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// fail tells the parent and ends the process.
func (c *killChild) fail(what string, err error) {
	c.say("E %s: %s", what, strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(1)
}

// write appends batch after batch as writer w.
func (c *killChild) write(seed uint64, w int) {
	rnd := rand.New(rand.NewPCG(seed, uint64(w)))
	var targets []killTarget
	for i := 0; ; i++ {
		in := killIntent{tag: fmt.Sprintf("%s.%d.%d", c.tag, w, i), seed: rnd.Uint64()}
		if len(targets) > 0 && rnd.IntN(4) == 0 {
			target := targets[len(targets)-1]
			in.target, targets = &target, targets[:len(targets)-1]
		}
		b := in.batch()
		c.say("I %s", in.line())
		r, err := c.db.Append(context.Background(), b)
		if err != nil {
			c.fail("append "+in.tag, err)
		}
		c.say("A %s", killAck{in.tag, r}.line())
		targets = append(targets, killTargets(b, r.First)...)
	}
}

// checkpoint asks for checkpoints beside those that the engine makes itself.
func (c *killChild) checkpoint() {
	for {
		if err := c.db.Checkpoint(context.Background()); err != nil {
			c.fail("checkpoint", err)
		}
		time.Sleep(7 * time.Millisecond)
	}
}

// read keeps readers among the writers.
func (c *killChild) read() {
	for i := 0; ; i++ {
		v := c.db.Latest()
		s := killStreams[i%len(killStreams)].Name
		if _, _, err := v.Get(s, fmt.Sprintf("key-%02d", i%40)); err != nil {
			c.fail("get", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// killIntent is a batch that is about to be appended.
type killIntent struct {
	tag    string
	seed   uint64
	target *killTarget
}

// batch is the batch announced. One in forty takes long to write, so that the
// kill may tear it.
func (in killIntent) batch() store.Batch {
	b := killBatch(in.seed, in.tag, in.target)
	if in.seed%40 == 0 {
		large := bytes.Repeat([]byte{byte(in.seed >> 8)}, 1<<20)
		b.Events = append(b.Events, store.Event{Stream: killStreams[0].Name, Key: "large", Fields: store.Fields{store.Bytes("b", large)}})
	}
	return b
}

func (in killIntent) line() string {
	t := killTarget{"-", "-", 0}
	if in.target != nil {
		t = *in.target
	}
	return fmt.Sprintf("%s %d %s %s %d", in.tag, in.seed, t.stream, t.key, t.seq)
}

func parseKillIntent(line string) (in killIntent, err error) {
	var t killTarget
	_, err = fmt.Sscanf(line, "%s %d %s %s %d", &in.tag, &in.seed, &t.stream, &t.key, &t.seq)
	if t.seq != 0 {
		in.target = &t
	}
	return in, err
}

// killAck is a batch whose append returned.
type killAck struct {
	tag     string
	receipt store.Receipt
}

func (a killAck) line() string {
	r := a.receipt
	versions := strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Versions), " ", ","), "[]")
	return fmt.Sprintf("%s %d %d %d %s", a.tag, r.First, r.Last, r.Recorded.UnixNano(), versions)
}

func parseKillAck(line string) (a killAck, err error) {
	var ns int64
	var versions string
	if _, err := fmt.Sscanf(line, "%s %d %d %d %s", &a.tag, &a.receipt.First, &a.receipt.Last, &ns, &versions); err != nil {
		return a, err
	}
	a.receipt.Recorded = time.Unix(0, ns).UTC()
	for v := range strings.SplitSeq(versions, ",") {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return a, err
		}
		a.receipt.Versions = append(a.receipt.Versions, n)
	}
	return a, nil
}

// killSaid is what children told: every intent, and every acknowledgement.
type killSaid struct {
	intents map[string]killIntent
	acks    map[string]killAck
}

// listen reads what a child says until its end; acked is closed at the first
// acknowledgement. A last line without its end was cut by the killing.
func (s *killSaid) listen(r io.Reader, acked chan<- struct{}) error {
	in := bufio.NewReaderSize(r, 1<<20)
	for first := true; ; {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch kind {
		case "I":
			in, err := parseKillIntent(rest)
			if err != nil {
				return fmt.Errorf("read intent %q: %w", line, err)
			}
			s.intents[in.tag] = in
		case "A":
			a, err := parseKillAck(rest)
			if err != nil {
				return fmt.Errorf("read acknowledgement %q: %w", line, err)
			}
			s.acks[a.tag] = a
			if first {
				close(acked)
				first = false
			}
		default:
			return fmt.Errorf("the child says: %s", line)
		}
	}
}
