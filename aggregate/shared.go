package aggregate

import "github.com/annalsdb/annals/segment"

// Shares reports whether groups of f can tell the results of g too, by [ResultOf]:
// sum and average keep the same.
func Shares(f, g Function) bool {
	return ofSums(f) && ofSums(g)
}

func ofSums(f Function) bool {
	switch f.(type) {
	case Sum, Avg:
		return true
	}
	return false
}

// Summed is implemented by the Groups of [Sum] and [Avg].
type Summed interface {
	Groups
	// AddSum takes in n int64s, of which only their sum is known.
	AddSum(group int, sum int64, n int)
}

// AddSum implements [Summed].
func (s *sums) AddSum(group int, sum int64, n int) {
	s.ints = grow(s.ints, s.n)
	s.ints[group].merge(intSum{sum: sum, n: int64(n)}, 1)
}

// ResultOf is what f makes of a group that a function which it [Shares] with took
// in; of others it is their own result.
func ResultOf(f Function, g Groups, group int) (segment.Value, error) {
	s, ok := g.(*sums)
	if !ok || !ofSums(f) {
		return g.Result(group)
	}
	as := *s
	_, as.avg = f.(Avg)
	return as.Result(group)
}
