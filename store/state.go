package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/segment"
)

// never is the time before all others: of a key that was not seen yet.
const never = math.MinInt64

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// stamp is a place in a stream's order. By arrival its time is 0. The zero stamp
// is before all events, since positions begin at 1 — except those by time before
// 1970, so whether there is one is asked of seq.
type stamp struct {
	time int64
	seq  uint64
}

func (a stamp) before(b stamp) bool {
	if a.seq == 0 || b.seq == 0 {
		return a.seq == 0 && b.seq != 0
	}
	return a.time < b.time || a.time == b.time && a.seq < b.seq
}

// previous is the last stamp before a.
func (a stamp) previous() stamp {
	switch {
	case a.seq > 1:
		return stamp{a.time, a.seq - 1}
	case a.time == math.MinInt64:
		return beginning
	}
	return stamp{a.time - 1, math.MaxUint64}
}

func (s *stream) stamp(time int64, seq uint64) stamp {
	if s.Order == ByArrival {
		time = 0
	}
	return stamp{time, seq}
}

// origin is the event that a state is attributed to.
type origin struct {
	seq, version   uint64
	time, recorded int64
}

// state is the fold of a key's events at some moment. content is encoded: under
// Merge a [merged], else fields. One read from a sealed file has fields instead.
type state struct {
	live     bool // there is one
	decoded  bool // content is in fields
	borrowed bool // content is in memory that is used again; see DB.keepStates
	from     origin
	typ      string
	content  string
	fields   Fields
}

// take makes the content of row that of the state.
func (st *state) take(row *segment.Row) {
	if fields, ok := row.Decoded(); ok {
		st.decoded, st.fields = true, fields
		return
	}
	st.content = row.Encoded()
}

// encoded is the content of the state as a record holds it.
func (st *state) encoded() string {
	if st.decoded {
		return string(segment.AppendFields(nil, st.fields))
	}
	return st.content
}

// head is what the next append to a key needs to know of it.
type head struct {
	last    uint64 // its last position, of any kind of event
	version uint64 // its last version
	seen    int64  // its last sign of life
	order   stamp  // its last change or delete in the stream's order
	deleted bool   // that one is a delete
}

// record is a key's head and state as of its last event.
type record struct {
	head
	state
	unknown bool // the state could not be computed: it is asked of the log
}

// overlaid is a record in the overlay. prev leads to the one before until the batch
// of this one is visible. That batch may have several events of the key, which
// make one record: it is written to until the batch is visible, and so nobody reads
// it before but for prev and batch. After that it is immutable.
//
// There may be one for each key, so it is small: 96 bytes and the content. Mostly
// the last event of a key is the change that its state is from, which then says all
// that its head does.
type overlaid struct {
	prev                    atomic.Pointer[overlaid]
	batch                   uint64 // the first position of its batch, 0 if it was made of events that are visible
	head                    *head  // nil: that of the origin
	live, borrowed, unknown bool   // as in state and record
	due                     bool   // of the head only the last position is known for sure
	from                    origin
	typ, content            string
}

// set makes r hold x.
func (r *overlaid) set(x *record) {
	r.live, r.borrowed, r.unknown = x.live, x.borrowed, x.unknown
	r.from, r.typ, r.content = x.from, x.typ, x.encoded()
	if r.head = nil; x.head != x.from.head() {
		r.head = &head{}
		*r.head = x.head
	}
}

// record is what r holds.
func (r *overlaid) record() record {
	x := record{unknown: r.unknown, state: state{live: r.live, from: r.from, typ: r.typ, content: r.content, borrowed: r.borrowed}}
	if x.head = r.from.head(); r.head != nil {
		x.head = *r.head
	}
	return x
}

// head is that of a key whose last event is the change that its state is from.
func (o *origin) head() head {
	return head{last: o.seq, version: o.version, seen: o.time, order: stamp{o.time, o.seq}}
}

// last is the last position of the key.
func (r *overlaid) last() uint64 {
	if r.head != nil {
		return r.head.last
	}
	return r.from.seq
}

// size is about what r takes of memory.
func (r *overlaid) size() int64 {
	n := overlaidBytes + int64(len(r.typ)+len(r.content))
	if r.head != nil {
		n += headBytes
	}
	return n
}

// The size of an overlaid and what its content is rounded up by, and of a head.
const (
	overlaidBytes = 120
	headBytes     = 48
)

// keyState is what the engine keeps with a key of the live index. reached is the
// position of its last event, which a record in bbolt must reach to be the latest;
// newest is the newest in the overlay, nil when bbolt has it; the rest is the
// writer's.
type keyState struct {
	reached atomic.Uint64
	newest  atomic.Pointer[overlaid]
	head
	partial bool   // of head only last and version are known
	ahead   uint32 // events that have a row and are still to be applied
	dirty   uint32 // the generation in which the key was put on the dirty list
}

// recordVersion is the first byte of a state in bbolt.
const recordVersion = 1

const (
	recordLive    = 1
	recordUnknown = 2
	recordDeleted = 4
	recordUsual   = 8 // order and seen are those of the origin
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends the value that bbolt keeps for r under key:
//
//	1 version, 4 CRC-32C of stream, key and all that follows,
//	1 bit 0 live, bit 1 unknown, bit 2 deleted, bit 3 usual; uvarint last, version
//	unless usual: varint seen, varint time and uvarint seq of the last change
//	or delete in order
//	if live: uvarint seq, version; varint time, recorded − time of its origin;
//	uvarint length, bytes of the type; content
func appendRecord(dst []byte, stream uint32, key []byte, r *record) []byte {
	start := len(dst)
	var flags byte
	if r.live {
		flags |= recordLive
	}
	if r.unknown {
		flags |= recordUnknown
	}
	if r.deleted {
		flags |= recordDeleted
	}
	usual := r.live && r.order == stamp{r.from.time, r.from.seq} && r.seen == r.from.time
	if usual {
		flags |= recordUsual
	}
	dst = append(dst, recordVersion, 0, 0, 0, 0, flags)
	dst = binary.AppendUvarint(dst, r.last)
	dst = binary.AppendUvarint(dst, r.head.version)
	if !usual {
		dst = binary.AppendVarint(dst, r.seen)
		dst = appendStamp(dst, r.order)
	}
	if r.live {
		dst = binary.AppendUvarint(dst, r.from.seq)
		dst = binary.AppendUvarint(dst, r.from.version)
		dst = binary.AppendVarint(dst, r.from.time)
		dst = binary.AppendVarint(dst, r.from.recorded-r.from.time)
		dst = binary.AppendUvarint(dst, uint64(len(r.typ)))
		dst = append(dst, r.typ...)
		dst = append(dst, r.encoded()...)
	}
	binary.LittleEndian.PutUint32(dst[start+1:], recordSum(stream, key, dst[start+5:]))
	return dst
}

// recordBound is a length that appendRecord does not exceed.
func recordBound(r *record) int { return 6 + 10*binary.MaxVarintLen64 + len(r.typ) + len(r.content) }

// recordSum starts from the stream: a damaged page may lead into another's bucket.
func recordSum(stream uint32, key, body []byte) uint32 {
	return crc32.Update(crc32.Update(stream, castagnoli, key), castagnoli, body)
}

var errRecord = errors.New("state record is malformed")

// parseRecord reads what appendRecord wrote, into memory of its own.
func parseRecord(stream uint32, key, value []byte) (record, error) {
	if len(value) < 6 || value[0] != recordVersion {
		return record{}, errRecord
	}
	if recordSum(stream, key, value[5:]) != binary.LittleEndian.Uint32(value[1:]) {
		return record{}, fmt.Errorf("%w: checksum does not match", errRecord)
	}
	flags := value[5]
	d := segment.NewDecoder(string(value[6:]))
	r := record{unknown: flags&recordUnknown != 0}
	r.last, r.head.version, r.deleted = d.Uvarint(), d.Uvarint(), flags&recordDeleted != 0
	usual := flags&recordUsual != 0
	if !usual {
		r.seen = d.Varint()
		r.order = stamp{d.Varint(), d.Uvarint()}
	}
	if r.live = flags&recordLive != 0; r.live {
		r.from.seq, r.from.version = d.Uvarint(), d.Uvarint()
		r.from.time = d.Varint()
		r.from.recorded = r.from.time + d.Varint()
		if usual {
			r.seen, r.order = r.from.time, stamp{r.from.time, r.from.seq}
		}
		r.typ = d.Text()
		r.content = d.Rest()
	}
	if d.Bad() {
		return record{}, errRecord
	}
	return r, nil
}
