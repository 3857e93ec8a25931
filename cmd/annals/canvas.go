package main

import (
	"math"
	"strings"
)

// canvas is dots of braille, two by four to a character.
type canvas struct {
	columns, rows int // characters
	cells         []rune
}

func newCanvas(columns, rows int) *canvas {
	columns = max(columns, 1)
	return &canvas{columns, rows, make([]rune, columns*rows)}
}

// dots are the bits of a character by column and row, as Unicode numbers them.
var dots = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

// set makes a dot, counted from the left and the bottom.
func (c *canvas) set(x, y int) {
	y = 4*c.rows - 1 - y
	c.cells[y/4*c.columns+x/2] |= dots[x%2][y%4]
}

// draw draws a line through points in the order of x, low at the bottom and high
// at the top.
func (c *canvas) draw(points []point, low, high float64) {
	last := points[len(points)-1].x
	var fromX, fromY int
	for i, p := range points {
		x := scale(p.x, points[0].x, last, 2*c.columns-1)
		y := scale(p.y, low, high, 4*c.rows-1)
		if i == 0 {
			fromX, fromY = x, y
		}
		c.stroke(fromX, fromY, x, y)
		fromX, fromY = x, y
	}
}

// scale is where v lies among 0 to n, low being 0 and high n.
func scale(v, low, high float64, n int) int {
	if high <= low {
		return 0
	}
	// Halves, lest the difference overflow.
	return int(math.Round((v/2 - low/2) / (high/2 - low/2) * float64(n)))
}

func (c *canvas) stroke(x0, y0, x1, y1 int) {
	steps := max(abs(x1-x0), abs(y1-y0))
	c.set(x0, y0)
	for i := 1; i <= steps; i++ {
		part := float64(i) / float64(steps)
		c.set(x0+int(math.Round(part*float64(x1-x0))), y0+int(math.Round(part*float64(y1-y0))))
	}
}

func abs(n int) int { return max(n, -n) }

// lines are the rows of characters from the top, blanks where nothing is drawn.
func (c *canvas) lines() []string {
	lines := make([]string, c.rows)
	for i := range lines {
		var b strings.Builder
		for _, cell := range c.cells[i*c.columns : (i+1)*c.columns] {
			if cell == 0 {
				b.WriteByte(' ')
				continue
			}
			b.WriteRune(0x2800 + cell)
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
