package aggregate

// Frame is a stretch [Lo, Hi) of a list.
type Frame struct{ Lo, Hi int }

// frame joins what is in one stretch of a list after the other, which begin and end no
// earlier than those before. What can be taken away is, as it leaves; of other functions
// two stacks are kept, see [Slide].
type frame struct {
	all   *Partial // of functions that invert
	slide *Slide[*Partial]
	joins *partials
}

func newFrame(f Function) frame {
	if f.Laws().Inverts {
		return frame{all: NewPartial(f)}
	}
	joins := &partials{f: f}
	return frame{slide: NewSlide(joins), joins: joins}
}

// inverts reports whether what leaves has to be taken away.
func (f *frame) inverts() bool { return f.all != nil }

// enter takes in number i of the list, behind all others, of functions that do not
// invert; p is kept.
func (f *frame) enter(i int, p *Partial) error {
	f.slide.Insert(int64(i), p)
	return f.joins.err
}

// evict lets go of what is before number lo, of functions that do not invert.
func (f *frame) evict(lo int) error {
	if f.inverts() {
		return nil
	}
	f.slide.Evict(int64(lo))
	return f.joins.err
}

// result is the join. It is not to be changed.
func (f *frame) result() (*Partial, error) {
	if f.inverts() {
		return f.all, nil
	}
	p := f.slide.Result()
	if p == nil {
		p = NewPartial(f.joins.f)
	}
	return p, f.joins.err
}

// JoinFrames are groups of f: group n joins those groups of from that list[Lo:Hi] names,
// of the frame with that number. Frames of one family begin and end no earlier than those
// before; where one begins at the end of that before it, or behind, another family may
// begin. hold, if not nil, is told what they take, in bytes, as they grow, and its error
// ends it.
func JoinFrames(f Function, from Groups, list []uint32, frames []Frame, hold func(size int64) error) (Groups, error) {
	joins := f.Groups(len(frames))
	if apart(frames) {
		return joins, mergeApart(joins, from, list, frames)
	}
	w := newFrame(f)
	var lo, hi int
	var b []byte
	part := func(i int) (p *Partial, err error) {
		if b, err = from.AppendBinary(b[:0], int(list[i])); err != nil {
			return nil, err
		}
		return Decode(f, b)
	}
	enter := func(i int) error {
		if !w.inverts() {
			p, err := part(i)
			if err != nil {
				return err
			}
			return w.enter(i, p)
		}
		var err error
		if b, err = from.AppendBinary(b[:0], int(list[i])); err == nil {
			err = w.all.g.MergeBinary(0, b)
		}
		return err
	}
	for n, to := range frames {
		if to.Lo >= hi {
			w, lo, hi = newFrame(f), to.Lo, to.Lo
		}
		for ; hi < to.Hi; hi++ {
			if err := enter(hi); err != nil {
				return nil, err
			}
		}
		for ; w.inverts() && lo < to.Lo; lo++ {
			p, err := part(lo)
			if err == nil {
				err = w.all.Subtract(p)
			}
			if err != nil {
				return nil, err
			}
		}
		if err := w.evict(to.Lo); err != nil {
			return nil, err
		}
		p, err := w.result()
		if err == nil {
			b, err = p.AppendBinary(b[:0])
		}
		if err == nil {
			err = joins.MergeBinary(n, b)
		}
		if err == nil && hold != nil && n%1024 == 1023 {
			err = hold(joins.Size())
		}
		if err != nil {
			return nil, err
		}
	}
	return joins, nil
}

// apart reports whether no two frames share anything.
func apart(frames []Frame) bool {
	for n := 1; n < len(frames); n++ {
		if frames[n].Lo < frames[n-1].Hi {
			return false
		}
	}
	return true
}

// mergeApart is JoinFrames of frames that share nothing.
func mergeApart(joins, from Groups, list []uint32, frames []Frame) error {
	to := make([]uint32, from.Len())
	for i := range to {
		to[i] = Nowhere
	}
	for n, f := range frames {
		for _, i := range list[f.Lo:f.Hi] {
			to[i] = uint32(n)
		}
	}
	return joins.Merge(to, from)
}
