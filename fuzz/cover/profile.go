package main

import (
	"fmt"
	"strings"
)

// block is a stretch of a file that runs from its first statement to its last, or not
// at all.
type block struct {
	file                   string // module and path
	line, col, line2, col2 int
}

// ran is what is known of a block.
type ran struct {
	statements int
	covered    bool
}

// parse reads a profile of go test: a line of its mode, then lines of
//
//	file:line.column,line.column statements times
//
// A block comes once for each test binary that has it in it.
func parse(profile string) (map[block]ran, error) {
	blocks := map[block]ran{}
	for n, text := range strings.Split(strings.TrimSpace(profile), "\n") {
		if strings.HasPrefix(text, "mode: ") {
			continue
		}
		var b block
		var r ran
		var times uint64
		file, rest, _ := strings.Cut(text, ".go:")
		_, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.line, &b.col, &b.line2, &b.col2, &r.statements, &times)
		if err != nil {
			return nil, fmt.Errorf("line %d is not of a profile that go test writes: %q: %w", n+1, text, err)
		}
		b.file = file + ".go"
		r.covered = times > 0 || blocks[b].covered
		blocks[b] = r
	}
	return blocks, nil
}
