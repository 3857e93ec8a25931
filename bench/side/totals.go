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
	add(t, value)
}

// AddRow adds an event as AppendKey and AppendValue stored it.
func (s *Totals) AddRow(key, value []byte) {
	s.Add(value[17:17+value[16]], rowNanos(key), rowValue(value))
}

// Visit visits them all.
func (s *Totals) Visit(visit func(w load.Window, t load.Total)) {
	for typ, windows := range s.types {
		for start, t := range windows {
			visit(load.Window{Type: typ, Start: start}, *t)
		}
	}
}

// Join is the total of the events of both.
func Join(a, b load.Total) load.Total {
	return load.Total{Count: a.Count + b.Count, Sum: a.Sum + b.Sum, Max: max(a.Max, b.Max)}
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

func add(t *load.Total, value float64) {
	t.Count++
	t.Sum += value
	t.Max = max(t.Max, value) // no value is negative
}

func rowNanos(key []byte) int64     { return int64(^binary.BigEndian.Uint64(key[len(key)-8:])) }
func rowValue(value []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(value)) }
