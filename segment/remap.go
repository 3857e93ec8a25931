package segment

// remap gives the texts of a dictionary new codes in the dictionary of the block
// that is being made, where only those go that the block has.
type remap struct {
	marks []uint32 // by old code: the round and the new code
	round uint32
}

const (
	// roundShift leaves a mark room for every code of a block, which has no more
	// of them than rows. What is above is the round, so that beginning a block
	// clears nothing.
	roundShift = 12
	lastRound  = 1<<(32-roundShift) - 1
)

// reset is for a dictionary of n texts, none of which has a new code.
func (m *remap) reset(n int) {
	m.marks, m.round = grown(m.marks, n), 0
	clear(m.marks)
}

// begin begins the next block.
func (m *remap) begin() {
	if m.round == lastRound {
		m.reset(len(m.marks))
	}
	m.round++
}

// code is the new code of c, an old code in dict.
func (m *remap) code(c uint32, dict []string, to *texts) uint32 {
	if mark := m.marks[c]; mark>>roundShift == m.round {
		return mark & (1<<roundShift - 1)
	}
	return m.add(c, dict[c], to)
}

func (m *remap) add(c uint32, s string, to *texts) uint32 {
	code := uint32(len(to.dict))
	to.dict = append(to.dict, s)
	m.marks[c] = m.round<<roundShift | code
	return code
}

// more is s with one item more: what its memory held there, if there is enough.
func more[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var none T
	return append(s, none)
}

// grown is a slice of n items of any content in the memory of s, if there is
// enough.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 64))
	}
	return s[:n]
}
