package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// NATS JetStream has its messages by their arrival, and the last of a subject by
// it, so it cannot say what the latest state of a key is where events come late,
// nor what it was at a moment: that is left to those who read.

func init() {
	const settings = "a server in this process without a port, a stream in files, a subject a key, atomic batches"
	register(natsMaker("nats", settings+"; sync_interval: always", "fsync a batch", true))
	register(natsMaker("nats-default", settings+"; sync_interval: 2m, the default", "none: a crash of the machine may lose 2 minutes", false))
}

func natsMaker(name, settings, durability string, sync bool) side.Maker {
	return side.Maker{
		Name:       name,
		Version:    side.ModuleVersion("github.com/nats-io/nats-server/v2"),
		Licence:    "Apache-2.0",
		Settings:   settings,
		Durability: durability,
		Kind:       (*natsSide)(nil),
		Open: func(dir string, o side.Options) (side.Side, error) {
			return openNATS(dir, o.Load, sync && o.Purpose == side.Ingest)
		},
	}
}

const (
	natsStream   = "readings"
	natsSubjects = natsStream + "."
	natsWait     = time.Minute // for an answer of the server
	natsBatch    = 1000        // is the most messages that the server takes in one batch
)

type natsSide struct {
	dir    string
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	load   *load.Load
}

func openNATS(dir string, l *load.Load, sync bool) (side.Side, error) {
	s, err := server.NewServer(&server.Options{
		DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: sync,
	})
	if err != nil {
		return nil, err
	}
	d := &natsSide{dir: dir, server: s, load: l}
	s.Start()
	if err := d.connect(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *natsSide) connect() (err error) {
	if !d.server.ReadyForConnections(natsWait) {
		return errors.New("start nats-server: it is not ready after a minute")
	}
	if d.conn, err = nats.Connect("", nats.InProcessServer(d.server)); err != nil {
		return err
	}
	if d.js, err = jetstream.New(d.conn, jetstream.WithDefaultTimeout(natsWait)); err != nil {
		return err
	}
	d.stream, err = d.js.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{
		Name: natsStream, Subjects: []string{natsSubjects + ">"},
		Storage: jetstream.FileStorage, AllowAtomicPublish: true,
	})
	return err
}

func (d *natsSide) Put(from, to int) error {
	switch {
	case to-from == 1:
		_, err := d.js.PublishMsg(context.Background(), d.message(from))
		return err
	case to-from > natsBatch:
		return fmt.Errorf("%w: JetStream takes %d messages a batch at most", side.ErrCannot, natsBatch)
	}
	return d.putBatch(from, to)
}

// message has event i: its time and what it says but for the key, which is in the
// subject.
func (d *natsSide) message(i int) *nats.Msg {
	r := d.load.Reading(i)
	m := nats.NewMsg(natsSubjects + d.load.Key(i))
	m.Data = side.AppendValue(side.AppendKey(make([]byte, 0, 64), "", r.Nanos), &r)
	return m
}

// putBatch sends all messages but the last without waiting, and with the last
// asks for the whole to be stored, or nothing.
func (d *natsSide) putBatch(from, to int) error {
	id := nuid.Next()
	for i := from; ; i++ {
		m := d.message(i)
		m.Header.Set("Nats-Batch-Id", id)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i-from+1))
		if i == to-1 {
			m.Header.Set("Nats-Batch-Commit", "1")
			_, err := d.js.PublishMsg(context.Background(), m)
			return err
		}
		if err := d.conn.PublishMsg(m); err != nil {
			return err
		}
	}
}

func (d *natsSide) Settle() (time.Time, error) { return time.Now(), nil }

// Close lets the server write what it has not, and syncs it: at its end the server
// does not.
func (d *natsSide) Close() error {
	if d.conn != nil {
		d.conn.Close()
	}
	d.server.Shutdown()
	d.server.WaitForShutdown()
	return filepath.WalkDir(d.dir, func(path string, f fs.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() {
			return err
		}
		return syncFile(path)
	})
}

// History reads the messages of a subject, in the order of their arrival, and
// sorts them.
func (d *natsSide) History(key string, visit func(r load.Reading)) error {
	var all []load.Reading
	if err := d.read(key, func(_ string, r load.Reading) { all = append(all, r) }); err != nil {
		return err
	}
	slices.SortFunc(all, func(x, y load.Reading) int { return cmp.Compare(x.Nanos, y.Nanos) })
	for _, r := range all {
		visit(r)
	}
	return nil
}

func (d *natsSide) Replay(visit func(key string, r load.Reading)) error { return d.read(">", visit) }

// read visits the messages of the subjects that match, as they came.
func (d *natsSide) read(subject string, visit func(key string, r load.Reading)) error {
	c, err := d.stream.OrderedConsumer(context.Background(), jetstream.OrderedConsumerConfig{FilterSubjects: []string{natsSubjects + subject}})
	if err != nil {
		return err
	}
	info, err := c.Info(context.Background())
	if err != nil || info.NumPending == 0 {
		return err
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(10_000))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for last := false; !last; {
		if last, err = readMessage(messages, visit); err != nil {
			return err
		}
	}
	return nil
}

// readMessage visits the next message and says whether it is the last.
func readMessage(messages jetstream.MessagesContext, visit func(key string, r load.Reading)) (last bool, err error) {
	m, err := messages.Next()
	if err != nil {
		return false, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return false, err
	}
	visit(strings.TrimPrefix(m.Subject(), natsSubjects), side.ReadingOf(m.Data()[:8], m.Data()[8:]))
	return meta.NumPending == 0, nil
}

func (d *natsSide) Count() (int, error) {
	info, err := d.stream.Info(context.Background())
	if err != nil {
		return 0, err
	}
	return int(info.State.Msgs), nil
}
