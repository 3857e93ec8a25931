package segment

import (
	"fmt"
	"strings"
)

// stream picks the rows of one stream, key by key.
func (m *merger) stream(def *Stream) error {
	for {
		part := m.least(def.Number)
		if len(part) == 0 {
			return nil
		}
		if err := m.key(part, def.ByArrival); err != nil {
			return err
		}
		for _, s := range part {
			if err := s.forward(); err != nil {
				return err
			}
		}
	}
}

// forward goes to the next key of s, whose rows must be the next ones.
func (s *mergeSource) forward() (err error) {
	s.has, err = s.keys.read(&s.key)
	if err == nil && s.has && s.key.Row != s.next {
		return s.corrupt(fmt.Sprintf("rows of key %q begin at %d, those of the key before end at %d", s.key.Name, s.key.Row, s.next))
	}
	return err
}

// least is the sources whose next key is the one that comes next in the stream,
// the oldest first. It is valid until the next call.
func (m *merger) least(stream uint32) []*mergeSource {
	m.part = m.part[:0]
	for _, s := range m.sources {
		if !s.has || s.key.Stream != stream {
			continue
		}
		order := -1
		if len(m.part) > 0 {
			order = strings.Compare(s.key.Name, m.part[0].key.Name)
		}
		if order < 0 {
			m.part = m.part[:0]
		}
		if order <= 0 {
			m.part = append(m.part, s)
		}
	}
	return m.part
}

// key picks the rows of the key that is next in all of part.
func (m *merger) key(part []*mergeSource, byArrival bool) error {
	k := part[0].key
	k.Row = m.out.row + uint64(len(m.picks))
	for _, s := range part[1:] {
		k.Changes += s.key.Changes
		k.Beats += s.key.Beats
		k.Retractions += s.key.Retractions
		k.Last = s.key.Last
	}
	m.out.key(&k)
	for class, rows := range [classCount]int{k.Changes, k.Beats, k.Retractions} {
		if rows == 0 {
			continue
		}
		for _, s := range part {
			s.left = [classCount]int{s.key.Changes, s.key.Beats, s.key.Retractions}[class]
		}
		if err := m.class(part, byArrival); err != nil {
			return err
		}
	}
	return nil
}

// class picks what is left of part. All rows of an older input come first where
// positions are what counts, and those of equal times in any case.
func (m *merger) class(part []*mergeSource, byArrival bool) error {
	live := m.live[:0]
	for _, s := range part {
		if s.left > 0 {
			live = append(live, s)
		}
	}
	m.live = live
	if len(live) > 1 && !byArrival {
		var err error
		if live, err = m.interleave(live); err != nil {
			return err
		}
	}
	for _, s := range live {
		if err := m.take(s, s.left); err != nil {
			return err
		}
	}
	return nil
}

// interleave picks rows of live by time until one of them is all that is left,
// which it returns.
func (m *merger) interleave(live []*mergeSource) ([]*mergeSource, error) {
	for _, s := range live {
		if err := m.look(s); err != nil {
			return nil, err
		}
	}
	for len(live) > 1 {
		i, n := run(live)
		s := live[i]
		s.left -= n
		if err := m.take(s, n); err != nil {
			return nil, err
		}
		if s.left == 0 {
			live = append(live[:i], live[i+1:]...)
		} else if err := m.look(s); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// run is which of live has the row that comes next, and how many of its rows, up
// to the end of its block, come before the next row of any other.
func run(live []*mergeSource) (first, n int) {
	second := -1
	for i, s := range live {
		switch {
		case i == 0:
		case s.times[0] < live[first].times[0]:
			first, second = i, first
		case second < 0 || s.times[0] < live[second].times[0]:
			second = i
		}
	}
	times, last := live[first].times, live[second].times[0]
	if first > second {
		last-- // of equal times the older one's comes first, so there is a lower one
	}
	if times[len(times)-1] <= last {
		return first, len(times)
	}
	for n = 1; n < len(times) && times[n] <= last; n++ {
	}
	return first, n
}

// look gets the times of what is left of s up to the end of its block.
func (m *merger) look(s *mergeSource) error {
	if s.next >= s.Info().Rows {
		return s.overrun()
	}
	p, err := m.page(colTime, s.slot(), int(s.next/blockRows))
	if err != nil {
		return err
	}
	at := int(s.next % blockRows)
	s.times = p.ints[at:min(len(p.ints), at+s.left)]
	return nil
}

// slot is where the block of the next row of s is kept.
func (s *mergeSource) slot() int { return 2*s.number + int(s.next/blockRows&1) }

// take picks the next n rows of s.
func (m *merger) take(s *mergeSource, n int) error {
	if uint64(n) > s.Info().Rows-s.next {
		return s.overrun()
	}
	for n > 0 {
		at := int(s.next % blockRows)
		some := min(n, blockRows-at, blockRows-len(m.picks))
		slot := s.slot()
		m.touch(slot, int(s.next/blockRows))
		pick := uint32(slot)<<roundShift | uint32(at)
		base := int64(s.key.Base + s.next - s.key.Row) // versions are stored less that of the key's first row and the rows since
		for i := range some {
			m.picks = append(m.picks, pick+uint32(i))
			m.bases = append(m.bases, base+int64(i))
		}
		s.next += uint64(some)
		n -= some
		if len(m.picks) == blockRows {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// touch notes that the block in the making has rows of that one.
func (m *merger) touch(slot, block int) {
	for _, t := range m.touched {
		if t == slot {
			return
		}
	}
	m.touched = append(m.touched, slot)
	m.blocks[slot] = block
}

func (s *mergeSource) overrun() error {
	return s.corrupt(fmt.Sprintf("key %q has more rows than the file", s.key.Name))
}
