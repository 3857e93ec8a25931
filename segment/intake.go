package segment

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
)

// intake is the rows of log frames in memory, in the order of their positions,
// with names and texts made numbers. A row's values stand together: sealing walks
// rows in another order than they came in, and so pays for one or two places in
// memory a row and not for one a column.
type intake struct {
	head    SealedHead
	rows    []*[blockRows]intakeRow
	count   int
	values  [][]int64 // in pieces, so that growing moves nothing
	piece   int       // the one that is being filled
	keys    *keyTable
	layout  *layout
	types   *dictionary
	ids     *dictionary
	fields  []*dictionary // by column of the layout, nil where it is no text
	spare   []*dictionary
	arena   arena
	seed    maphash.Seed
	defined map[uint32]bool // streams
	parsed  []Row           // of those that are looked up together
	lookup  lookup
	sorting sorting
	gather  gather
	batches struct {
		first    []uint64
		recorded []int64
	}
}

// intakes are those at rest, with their memory: a seal takes much and not for
// long, and the next one takes as much again.
var intakes = sync.Pool{New: func() any {
	in := &intake{seed: maphash.MakeSeed(), defined: map[uint32]bool{}}
	in.keys = newKeyTable(&in.arena, in.seed)
	return in
}}

// intakeRow is one event. Its position is that of the first one plus its index.
type intakeRow struct {
	time    int64
	version uint64
	values  uint64 // where its values begin
	key     uint32
	shape   uint32
	typ     uint32
	flags   uint8 // as column flags has them
	more    uint8 // moreRef, moreID: what stands in front of the values
}

const (
	moreRef = 1 << iota
	moreID
)

// class is which part of its key's rows the row is in.
func (r *intakeRow) class() int { return int(classes[r.flags&kindBits]) }

const (
	changeClass = iota
	beatClass
	retractionClass
	classCount
)

// classes is the class of each kind.
var classes = [kindBits + 1]uint8{Change: changeClass, Delete: changeClass, Heartbeat: beatClass, Retraction: retractionClass}

// valuePiece is how many values are kept in one piece. A row's are all in one, so
// it has to be some times the largest event with a reference and an ID.
const valuePiece = 1 << 15

// newIntake is an empty intake, to be released.
func newIntake(h SealedHead) *intake {
	in := intakes.Get().(*intake)
	in.head, in.layout = h, newLayout()
	in.types, in.ids = in.dictionary(), in.dictionary()
	in.ids.tired = true // they do not repeat: it need not look
	for i := range h.Defs {
		in.defined[h.Defs[i].Number] = true
	}
	return in
}

// release gives the memory of in to the next one. Texts are not part of it: who
// has seen them keeps them.
func (in *intake) release() {
	in.head, in.layout, in.count, in.piece = SealedHead{}, nil, 0, 0
	for i := range in.values {
		in.values[i] = in.values[i][:0]
	}
	in.keys.reset()
	for _, d := range append(in.fields, in.types, in.ids) {
		if d != nil {
			d.reset()
			in.spare = append(in.spare, d)
		}
	}
	in.types, in.ids, in.fields = nil, nil, in.fields[:0]
	clear(in.defined)
	clear(in.parsed)
	clear(in.lookup.names[:])
	clear(in.sorting.keys)
	in.gather.reset()
	in.batches.first, in.batches.recorded = in.batches.first[:0], in.batches.recorded[:0]
	intakes.Put(in)
}

// dictionary is an empty one.
func (in *intake) dictionary() *dictionary {
	n := len(in.spare)
	if n == 0 {
		return newDictionary(&in.arena, in.seed)
	}
	d := in.spare[n-1]
	in.spare = in.spare[:n-1]
	return d
}

// row is row i in the order of positions.
func (in *intake) row(i uint32) *intakeRow { return &in.rows[i/blockRows][i%blockRows] }

// next is the position that comes next.
func (in *intake) next() uint64 { return in.head.First + uint64(in.count) }

// frame takes the rows of f, which is not kept.
func (in *intake) frame(f *Frame) error {
	if f.Marker != EventFrame || f.Rows == 0 {
		return nil
	}
	if f.First != in.next() || f.Rows < 0 || uint64(f.Rows) > in.head.Last+1-f.First {
		return fmt.Errorf("frame holds %d positions from %d on, and %d to %d are to come", f.Rows, f.First, in.next(), in.head.Last)
	}
	in.batches.first = append(in.batches.first, f.First)
	in.batches.recorded = append(in.batches.recorded, f.Recorded)
	for pos, left := 0, f.Rows; left > 0; left -= len(in.parsed) {
		in.parsed = slices.Grow(in.parsed[:0], lookahead)[:min(left, lookahead)]
		for i := range in.parsed {
			var err error
			if pos, err = f.parse(pos, &in.parsed[i]); err != nil {
				return fmt.Errorf("position %d: %w", in.next()+uint64(i), err)
			}
		}
		in.keys.find(&in.lookup, in.parsed)
		for i := range in.parsed {
			if err := in.add(&in.parsed[i], in.lookup.numbers[i], f.Recorded); err != nil {
				return fmt.Errorf("position %d: %w", in.next(), err)
			}
		}
	}
	return nil
}

// parse reads the row at pos, and says where the next one begins.
func (f *Frame) parse(pos int, r *Row) (next int, err error) {
	body, next := f.RowAt(pos)
	if next < 0 {
		return 0, errRow
	}
	if err = ParseRow(body, r); err == nil && r.Key == "" {
		err = fmt.Errorf("%w: it has no key", errRow)
	}
	return next, err
}

// add takes one row of the given key. Nothing of r is kept.
func (in *intake) add(r *Row, key uint32, recorded int64) error {
	if k := &in.keys.keys[key]; k.rows() == 0 && !in.defined[r.Stream] {
		return fmt.Errorf("stream %d is not defined", r.Stream)
	}
	if in.count == len(in.rows)*blockRows {
		in.rows = append(in.rows, new([blockRows]intakeRow))
	}
	to := in.row(uint32(in.count))
	to.time, to.version = recorded-r.Lag, r.Version
	to.flags, to.more = uint8(r.Kind), 0
	if r.Unchanged {
		to.flags |= flagsUnchanged
	}
	to.key, to.typ = key, in.types.code(r.Type)
	in.keys.keys[key].count(to, uint32(in.count))
	room := in.room()
	to.values = uint64(in.piece)*valuePiece + uint64(len(*room))
	if r.Kind == Retraction || r.Unchanged {
		to.more |= moreRef
		*room = append(*room, int64(r.Ref))
	}
	if r.ID != "" {
		to.more |= moreID
		*room = append(*room, int64(in.ids.code(r.ID)))
	}
	var err error
	to.shape, err = in.content(r, room)
	in.count++
	return err
}

// room is the piece that the next row's values go to.
func (in *intake) room() *[]int64 {
	if in.piece < len(in.values) && len(in.values[in.piece])+MaxFields+2 > valuePiece {
		in.piece++
	}
	if in.piece == len(in.values) {
		in.values = append(in.values, make([]int64, 0, valuePiece))
	}
	return &in.values[in.piece]
}

// content takes the fields of r and is the number of their shape. What field has
// no value in a column takes no room.
func (in *intake) content(r *Row, room *[]int64) (uint32, error) {
	d := Decoder{all: r.fields}
	n := d.Uvarint()
	if n > MaxFields {
		return 0, fmt.Errorf("%w: %d fields", errRow, n)
	}
	values := *room
	at := in.layout.begin(r.Stream)
	for range n {
		name := d.Text()
		if at = in.layout.next(at, name, ValueKind(d.Byte())); at == nil {
			return 0, fmt.Errorf("%w: field %q is there twice", errRow, name)
		}
		switch at.kind {
		case NullValue:
		case BoolValue:
			b := d.Byte()
			if b > 1 {
				d.fail()
			}
			values = append(values, int64(b))
		case Int64Value, TimeValue:
			values = append(values, d.Varint())
		case Float64Value:
			values = append(values, int64(d.uint64()))
		case StringValue, BytesValue, JSONValue:
			values = append(values, int64(in.texts(at.number).code(d.Text())))
		default:
			d.fail()
		}
		if d.bad {
			return 0, errRow
		}
	}
	if d.bad || d.Rest() != "" {
		return 0, errRow
	}
	*room = values
	return uint32(in.layout.end(at)), nil
}

// texts is the dictionary of a column of text.
func (in *intake) texts(number int) *dictionary {
	for number >= len(in.fields) {
		in.fields = append(in.fields, nil)
	}
	if in.fields[number] == nil {
		in.fields[number] = in.dictionary()
	}
	return in.fields[number]
}
