package query

import (
	"errors"
	"slices"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// wordBatch is a batch whose column a is the words with these codes, null where one is
// negative.
func wordBatch(words []string, codes ...int) *batch {
	b := newBatch(1)
	b.begin(len(codes), nil, func(_ int, c *Column) error {
		c.Kind, c.n, c.Texts.Dict, c.Nulls = segment.StringValue, len(codes), words, make([]bool, len(codes))
		for i, code := range codes {
			c.Nulls[i] = code < 0
			c.Texts.Codes = append(c.Texts.Codes, uint32(max(code, 0)))
		}
		return nil
	})
	return b
}

// A condition on words is looked at for those alone that wanted rows have, in their order.
func TestBatch_FilterWords(t *testing.T) {
	p, err := bind(From("t").Where(Col("a").Cast(segment.Int64Value).Gt(1).Or(Col("a").IsNull())).Select(Col("a")), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"1", "two", "3", "four"}
	got, err := wordBatch(words, 2, 0, -1, 2, 0, -1, 2).filter(p.where[0], []uint16{0, 1, 2, 4, 6})
	if want := []uint16{0, 2, 6}; err != nil || !slices.Equal(got, want) {
		t.Errorf("passed %v, %v, want %v", got, err, want)
	}
	_, err = wordBatch(words, 0, 2, 3, 1, 3).filter(p.where[0], nil)
	var placed *Error
	if !errors.As(err, &placed) || placed.Message != "string 'four' is no int64" {
		t.Errorf("the first row that cannot be cast: %v", err)
	}
}
