package source

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Where no field says what belongs together, a batch ends at batchLines lines
// or batchBytes bytes of them. One that a field holds together may have up to
// maxBatch bytes: more the engine would not take, and it is held in memory.
const (
	batchLines = 1000
	batchBytes = 8 << 20
	maxBatch   = 256 << 20
)

// Batch is events that are stored together or not at all.
type Batch struct {
	Events      []segment.Event
	Recorded    time.Time // zero: none is given
	Name        string    // value of the batch field
	First, Last int       // numbers of its first and last line
}

// Reader makes batches of the lines of one input.
type Reader struct {
	o       Options
	in      io.Reader
	skipped int
	fault   *LineError // of the first line skipped
}

// NewReader reads from r, which may be compressed with gzip or zstd.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Reader{o: o, in: r}, nil
}

// Skipped is the number of bad lines written to Options.Skip, and what is wrong
// with the first. Call it after the sequence of Batches has ended.
func (r *Reader) Skipped() (int, *LineError) { return r.skipped, r.fault }

// Batches are the batches in the order of the input. The sequence can be read
// once. An error, a *LineError where a line is to blame, is its last pair; the
// batches before it are whole, what was read of the one it falls into is
// dropped.
func (r *Reader) Batches() iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		b := &batcher{o: &r.o, yield: yield, ids: make(map[string]bool)}
		err := r.read(b)
		if err == nil {
			err = b.flush()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Batch{}, err)
		}
	}
}

// errStopped ends the reading when nobody wants more.
var errStopped = errors.New("stopped")

// read hands all entries to b.
func (r *Reader) read(b *batcher) error {
	plain, err := decompress(r.in)
	if err != nil {
		return err
	}
	lines, err := r.records(plain)
	if err != nil {
		return err
	}
	in, rec := newInterpreter(&r.o), &record{}
	for {
		raw, err := lines.next(rec)
		if err == io.EOF {
			return nil
		}
		var e entry
		if err == nil {
			if e, err = in.entry(rec); err != nil {
				err = &LineError{rec.line, err}
			}
		}
		if err == nil {
			err = b.add(e, len(raw))
		} else if fault, ok := errors.AsType[*LineError](err); ok && r.o.Skip != nil {
			err = r.skip(lines, raw, fault)
		} else if !ok {
			err = fmt.Errorf("after line %d: %w", rec.line, err)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) records(plain io.Reader) (records, error) {
	if r.o.Format == CSV {
		return newCSV(plain, &r.o)
	}
	return newNDJSON(plain, &r.o), nil
}

// skip puts a bad line aside. Of one that is too long the part that was not
// read follows.
func (r *Reader) skip(lines records, raw []byte, fault *LineError) error {
	if r.skipped++; r.skipped == 1 {
		r.fault = fault
	}
	_, err := r.o.Skip.Write(raw)
	if err == nil && errors.Is(fault, errLongLine) {
		err = lines.rest(r.o.Skip)
	}
	if err == nil {
		_, err = r.o.Skip.Write([]byte("\n"))
	}
	if err != nil {
		return fmt.Errorf("put line %d aside: %w", fault.Line, err)
	}
	return nil
}

// batcher puts entries together.
type batcher struct {
	o     *Options
	yield func(Batch, error) bool
	batch Batch
	bytes int
	ids   map[string]bool // of the batch, where IDs come from the lines
}

// add puts e into the batch, or ends the batch and begins the next with e.
func (b *batcher) add(e entry, size int) error {
	if len(b.batch.Events) > 0 && b.ends(&e) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if b.bytes += size; b.bytes > maxBatch {
		return &LineError{e.line, fmt.Errorf("batch %q is larger than %d MiB", e.batch, maxBatch>>20)}
	}
	if len(b.batch.Events) == 0 {
		b.batch.First, b.batch.Name = e.line, e.batch
	}
	if b.o.Batch != "" && b.o.ID == "" {
		e.event.ID = e.batch + ":" + strconv.Itoa(len(b.batch.Events)+1)
	}
	if b.o.Batch == "" && b.o.ID != "" {
		b.ids[e.event.ID] = true
	}
	if e.recorded.After(b.batch.Recorded) {
		b.batch.Recorded = e.recorded
	}
	b.batch.Events = append(b.batch.Events, e.event)
	b.batch.Last = e.line
	return nil
}

// ends reports whether e does not belong to the batch. Where no field says
// so: the batch is full, e was recorded at another time, or an ID comes twice,
// which one batch may not hold.
func (b *batcher) ends(e *entry) bool {
	if b.o.Batch != "" {
		return e.batch != b.batch.Name
	}
	return len(b.batch.Events) == batchLines || b.bytes > batchBytes ||
		!e.recorded.Equal(b.batch.Recorded) || b.ids[e.event.ID]
}

// flush hands the batch on, if there is one.
func (b *batcher) flush() error {
	if len(b.batch.Events) == 0 {
		return nil
	}
	if !b.yield(b.batch, nil) {
		return errStopped
	}
	b.batch, b.bytes = Batch{}, 0
	clear(b.ids)
	return nil
}
