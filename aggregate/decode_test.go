package aggregate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// sampled is a partial result of f over some rows of a kind that it takes, encoded.
func sampled(t *testing.T, f Function, kinds []segment.ValueKind) []byte {
	t.Helper()
	p := NewPartial(f)
	for i := range int64(40) {
		v := map[segment.ValueKind]segment.Value{
			segment.BoolValue: segment.BoolOf(i%2 == 0), segment.Int64Value: segment.Int64Of(i*i - 20), segment.StringValue: segment.StringOf(strings.Repeat("x", int(i%5))),
		}[kinds[1+int(i)%min(2, len(kinds)-1)]]
		if err := p.Add(Row{Time: 1000 * i, Seq: uint64(i + 1), Value: v}); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	b, err := p.AppendBinary(nil)
	if err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return b
}

// TestDecode_Malformed: a part of an encoding is refused, or is one itself; one with more
// behind it is refused; another function's, or that of a later version, is named.
func TestDecode_Malformed(t *testing.T) {
	for _, c := range functions {
		b := sampled(t, c.f, c.kinds)
		if _, err := Decode(c.f, b); err != nil {
			t.Errorf("%s: %v", c.f, err)
		}
		refusals := 0
		for n := range b {
			p, err := Decode(c.f, b[:n])
			if err != nil {
				if refusals++; !errors.Is(err, ErrEncoding) {
					t.Errorf("%s: %d of %d bytes: %v", c.f, n, len(b), err)
				}
				continue
			}
			// An empty one, or the first of some stretches of time.
			if again, err := p.AppendBinary(nil); err != nil || !bytes.Equal(again, b[:n]) {
				t.Errorf("%s: %x is read as %x, %v", c.f, b[:n], again, err)
			}
		}
		if refusals < len(b)/2 {
			t.Errorf("%s: %d parts of %d bytes are refused", c.f, refusals, len(b))
		}
		if _, err := Decode(c.f, append(b[:len(b):len(b)], 0)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: a byte too much: %v", c.f, err)
		}
		for what, first := range map[string]byte{"version": b[0] + 0x10, "form": b[0] ^ 0x0f} {
			other := append([]byte{first}, b[1:]...)
			if _, err := Decode(c.f, other); !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), c.f.String()) {
				t.Errorf("%s: another %s: %v", c.f, what, err)
			}
		}
	}
}

// TestGroups_WhatDoesNotFit: columns, ordinals and groups that do not fit each other
// are told, and change nothing.
func TestGroups_WhatDoesNotFit(t *testing.T) {
	two := &Vector{Kind: segment.Int64Value, Ints: []int64{1, 2}, Time: []int64{1, 2}, Seq: []int64{1, 2}}
	for _, c := range functions {
		if c.f.Laws().Class == Ordered || len(c.kinds) < 3 {
			continue
		}
		g := c.f.Groups(1)
		if err := g.Add([]uint32{0}, two); err == nil || !strings.Contains(err.Error(), "1 group ordinals") {
			t.Errorf("%s: two rows, one ordinal: %v", c.f, err)
		}
		if err := g.Add(nil, &Vector{Kind: segment.JSONValue + 1, Nulls: 0, Ints: []int64{1}}); err != nil && !errors.Is(err, ErrKind) {
			t.Errorf("%s: no kind: %v", c.f, err)
		}
		if err := g.Merge([]uint32{0}, c.f.Groups(2)); err == nil || !strings.Contains(err.Error(), "1 ordinals for 2 groups") {
			t.Errorf("%s: two groups, one ordinal: %v", c.f, err)
		}
		if err := g.Merge(nil, c.f.Groups(2)); err == nil || !strings.Contains(err.Error(), "2 groups into 1; Grow first") {
			t.Errorf("%s: two groups into one: %v", c.f, err)
		}
		if err := g.Merge(nil, g); err == nil || !strings.Contains(err.Error(), "into themselves") {
			t.Errorf("%s: into itself: %v", c.f, err)
		}
		var other Function = Count{}
		if c.f == other {
			other = Sum{}
		}
		if err := g.Merge(nil, other.Groups(1)); !errors.Is(err, ErrFunction) {
			t.Errorf("%s: of %s: %v", c.f, other, err)
		}
		before, err := c.f.Groups(1).Result(0)
		after, err2 := g.Result(0)
		if (err == nil) != (err2 == nil) || before != after {
			t.Errorf("%s is %v, %v after errors; empty it is %v, %v", c.f, after, err2, before, err)
		}
	}
	p := NewPartial(Min{})
	if err := p.Remove(Row{Value: segment.Int64Of(1)}); err == nil || !strings.Contains(err.Error(), "min cannot take away") {
		t.Errorf("min without: %v", err)
	}
	if err := p.Subtract(NewPartial(Min{})); err == nil || !strings.Contains(err.Error(), "min cannot take away") {
		t.Errorf("min less min: %v", err)
	}
}

// TestSketch_Registers: the estimate rises with registers up to those that are full, as
// after more values than 64 bits of hashes tell apart; one that no int64 holds is told.
func TestSketch_Registers(t *testing.T) {
	f := DistinctSketch{Bits: 4}
	encoded := func(registers ...byte) []byte { return append([]byte{sketchForm, 4, 0}, registers...) }
	filled := func(n int, with, rest byte) []byte {
		return encoded(append(bytes.Repeat([]byte{with}, n), bytes.Repeat([]byte{rest}, 16-n)...)...)
	}
	const full = 64 - 4 + 1
	last := int64(-1)
	for i, b := range [][]byte{filled(16, 0, 0), filled(1, 1, 0), filled(16, 3, 0), filled(16, 10, 0), filled(1, full, 10), filled(2, full, 10)} {
		p, err := Decode(f, b)
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Result()
		if err != nil || v.Int64() <= last || i == 0 && v.Int64() != 0 {
			t.Errorf("registers %d: %v, %v, after %d", b[3:], v, err, last)
		}
		last = v.Int64()
	}
	p, err := Decode(f, filled(16, full, 0))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Result(); !errors.Is(err, ErrOverflow) {
		t.Errorf("all are full: %v, %v", v, err)
	}
	for what, b := range map[string][]byte{
		"too few registers": encoded(make([]byte, 15)...), "a register too large": filled(1, full+1, 0), "other bits": {sketchForm, 5, 0},
		"hashes that do not rise": append([]byte{sketchForm, 4, 3}, make([]byte, 16)...),
	} {
		if _, err := Decode(f, b); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
