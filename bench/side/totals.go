package side

import (
	"encoding/binary"
	"math"

	"github.com/annalsdb/annals/bench/load"
)

// Totals adds up by type and window what a side without aggregates of its own reads.
type Totals struct {
	size  int64
	types map[string]map[int64]*load.Total
}

// NewTotals has windows of size ns.
func NewTotals(size int64) *Totals { return &Totals{size, map[string]map[int64]*load.Total{}} }

// Add adds the value of an event at a time, which is not before 1970. It keeps
// nothing of typ.
func (s *Totals) Add(typ []byte, nanos int64, value float64) {
	windows := s.types[string(typ)]
	if windows == nil {
		windows = map[int64]*load.Total{}
		s.types[string(typ)] = windows
	}
	start := nanos - nanos%s.size
	t := windows[start]
	if t == nil {
		t = new(load.Total)
		windows[start] = t
	}
	t.Add(value)
}

// AddRow adds an event as AppendKey and AppendValue stored it.
func (s *Totals) AddRow(key, value []byte) {
	s.Add(RowType(value), RowNanos(key), RowValue(value))
}

// Visit visits them all.
func (s *Totals) Visit(visit func(w load.Window, t load.Total)) {
	for typ, windows := range s.types {
		for start, t := range windows {
			visit(load.Window{Type: typ, Start: start}, *t)
		}
	}
}

// AppendTotal appends t in 24 bytes.
func AppendTotal(dst []byte, t load.Total) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Count))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(t.Sum))
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(t.Max))
}

// TotalOf is what AppendTotal appended.
func TotalOf(b []byte) load.Total {
	return load.Total{
		Count: int64(binary.LittleEndian.Uint64(b)),
		Sum:   math.Float64frombits(binary.LittleEndian.Uint64(b[8:])),
		Max:   math.Float64frombits(binary.LittleEndian.Uint64(b[16:])),
	}
}
