package query

import (
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// marks is what CREATE AGGREGATE says behind its SELECT: when windows are complete, and
// how long they are kept; see [aggregate.Definition].
type marks struct {
	source                   Expr // tells sources apart; none: there is one
	bound, skew, idle, delay time.Duration
	grace, keep              time.Duration
}

// The words of marks, in the order in which they are printed.
var (
	markWords      = []string{"WATERMARK", "GRACE", "KEEP"}
	watermarkWords = []string{"BY", "BOUND", "SKEW", "IDLE", "DELAY"}
)

// length is the duration behind a word.
func (m *marks) length(word string) *time.Duration {
	return map[string]*time.Duration{
		"BOUND": &m.bound, "SKEW": &m.skew, "IDLE": &m.idle, "DELAY": &m.delay, "GRACE": &m.grace, "KEEP": &m.keep,
	}[word]
}

// marks reads what stands behind the SELECT of an aggregate, in any order.
func (p *parser) marks() (m marks) {
	given := map[string]bool{}
	for word := p.once(given, markWords); word != ""; word = p.once(given, markWords) {
		if word == "WATERMARK" {
			p.watermark(&m)
		} else {
			*m.length(word) = p.length()
		}
	}
	return m
}

func (p *parser) watermark(m *marks) {
	given := map[string]bool{}
	for word := p.once(given, watermarkWords); word != ""; word = p.once(given, watermarkWords) {
		if word == "BY" {
			m.source = p.expr()
		} else {
			*m.length(word) = p.length()
		}
	}
	if len(given) == 0 {
		p.expected("BY and what tells sources apart, or BOUND, SKEW, IDLE or DELAY and an INTERVAL")
	}
}

// once passes the one of some words that is the next token and returns it, "" if none is.
func (p *parser) once(given map[string]bool, words []string) string {
	for _, word := range words {
		if at := p.tok.at; p.word(word) {
			if given[word] {
				p.fail(at, "a second %s; expected one at most", word)
				return ""
			}
			given[word] = true
			return word
		}
	}
	return ""
}

// length reads an interval that is of one length, and not negative.
func (p *parser) length() time.Duration {
	at := p.tok.at
	d := p.fixed("expected one without months, such as INTERVAL '365 days'")
	if d < 0 {
		p.fail(at, "INTERVAL %s is negative: expected one of 0 or more", quoteString(interval{nanos: int64(d)}.String()))
	}
	return d
}

// marks writes what parser.marks reads.
func (p *printer) marks(m marks) {
	if m.source.op != noOp || m.bound|m.skew|m.idle|m.delay != 0 {
		p.WriteString(" WATERMARK")
		p.clause(" BY ", m.source)
	}
	for _, words := range [][]string{watermarkWords[1:], markWords[1:]} {
		for _, word := range words {
			if d := *m.length(word); d != 0 {
				p.span(" "+word+" ", d)
			}
		}
	}
}

// marks takes in when windows are complete, and how long they are kept.
func (m *definer) marks() (err error) {
	of := m.q.marks
	m.d.Watermark = aggregate.Marks{Bound: of.bound, Skew: of.skew, Idle: of.idle, MaxDelay: of.delay}
	m.d.Grace, m.d.Keep = of.grace, of.keep
	if of.source.op != noOp {
		m.d.Watermark.Source, err = m.input(of.source)
	}
	return err
}
