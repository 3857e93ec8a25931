package query

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// pattern is what follows LIKE, cut into the pieces between its %: text matches if
// it begins with the first, ends with the last, and holds the others in between,
// one behind the other. A piece is characters, of which any stands for _.
type pattern struct {
	pieces [][]rune

	// texts are the pieces of a pattern without _ whose text is valid UTF-8: of these
	// bytes match where characters do, since no character begins within another.
	texts []string
}

// anyRune stands for _ in a piece; no text holds it.
const anyRune = -1

// parsePattern reads a pattern. Behind the escape, a character or "" for none, % and
// _ and the escape are themselves.
func parsePattern(text, escape string) (pattern, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return pattern{}, errors.New("ESCAPE takes one character")
	}
	var p pattern
	var piece []rune
	escaped, single := false, false
	for i, c := range text {
		switch {
		case escaped && c != '%' && c != '_' && !strings.HasPrefix(text[i:], escape):
			return pattern{}, errors.New("the escape stands before %, _ or itself in a pattern")
		case escaped:
			piece, escaped = append(piece, c), false
		case escape != "" && strings.HasPrefix(text[i:], escape):
			escaped = true
		case c == '%':
			p.pieces, piece = append(p.pieces, piece), nil
		case c == '_':
			piece, single = append(piece, anyRune), true
		default:
			piece = append(piece, c)
		}
	}
	if escaped {
		return pattern{}, errors.New("nothing follows the escape at the end of the pattern")
	}
	p.pieces = append(p.pieces, piece)
	if !single && !strings.ContainsRune(text, utf8.RuneError) {
		for _, piece := range p.pieces {
			p.texts = append(p.texts, string(piece))
		}
	}
	return p, nil
}

// exact reports whether the pattern is one text and no other.
func (p *pattern) exact() bool { return len(p.texts) == 1 }

// isPrefix reports whether the pattern is what texts begin with, and nothing else.
func (p *pattern) isPrefix() bool { return len(p.texts) == 2 && p.texts[1] == "" }

// prefix is text that all that match begin with.
func (p *pattern) prefix() string {
	first := p.pieces[0]
	for i, c := range first {
		if c == anyRune || c == utf8.RuneError {
			return string(first[:i])
		}
	}
	return string(first)
}

// matches reports whether s matches. O(len(s) · longest piece).
func (p *pattern) matches(s string) bool {
	if p.texts != nil {
		return matchesTexts(s, p.texts)
	}
	runes := []rune(s)
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	if !begins(runes, first) {
		return false
	}
	if len(p.pieces) == 1 {
		return len(runes) == len(first)
	}
	runes = runes[len(first):]
	if len(runes) < len(last) || !begins(runes[len(runes)-len(last):], last) {
		return false
	}
	return holds(runes[:len(runes)-len(last)], p.pieces[1:len(p.pieces)-1])
}

// matchesTexts is matches of pieces that are texts.
func matchesTexts(s string, pieces []string) bool {
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		i := strings.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return true
}

// holds reports whether the pieces follow one another in runes. The first place of
// each is as good as any.
func holds(runes []rune, pieces [][]rune) bool {
	for _, piece := range pieces {
		for !begins(runes, piece) {
			if len(runes) == 0 {
				return false
			}
			runes = runes[1:]
		}
		runes = runes[len(piece):]
	}
	return true
}

func begins(runes, piece []rune) bool {
	if len(runes) < len(piece) {
		return false
	}
	for i, c := range piece {
		if c != anyRune && c != runes[i] {
			return false
		}
	}
	return true
}

// like is v LIKE p: null is unknown, what is no string does not match.
func like(v Value, p *pattern) Value {
	if isNull(v) {
		return v
	}
	return segment.BoolOf(v.Kind() == segment.StringValue && p.matches(v.Str()))
}
