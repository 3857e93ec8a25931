package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // a name or a keyword, as written
	quotedToken           // "name", text without quotes
	stringToken           // 'text', text without quotes
	bytesToken            // x'00ff', text is the digits
	numberToken           // 12, 1.5, 1e9
	paramToken            // $1, text is the digits
	signToken             // operators and punctuation
)

// token is one word of the text. at and end are where it stands, in bytes.
type token struct {
	kind    tokenKind
	text    string
	at, end int
}

// String is the token for an error.
func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end"
	case stringToken:
		return quoteString(t.text)
	case quotedToken:
		return `"` + strings.ReplaceAll(t.text, `"`, `""`) + `"`
	case bytesToken:
		return "x'" + t.text + "'"
	case paramToken:
		return "$" + t.text
	}
	return t.text
}

// reserved are the keywords that are no names unless they are quoted: those that
// can stand where a name may end.
var reserved = map[string]bool{
	"ALL": true, "AND": true, "AS": true, "ASOF": true, "BETWEEN": true, "CASE": true, "CAST": true,
	"DISTINCT": true, "ELSE": true, "END": true, "EXPLAIN": true, "FALSE": true, "FROM": true,
	"GROUP": true, "HAVING": true, "IN": true, "INNER": true, "INTERVAL": true, "IS": true, "JOIN": true,
	"KNOWN": true, "LEFT": true, "LIKE": true, "LIMIT": true, "NOT": true, "NULL": true, "OF": true, "OFFSET": true,
	"ON": true, "OR": true, "ORDER": true, "SELECT": true, "THEN": true, "TRUE": true, "TRY_CAST": true,
	"WHEN": true, "WHERE": true, "WINDOW": true,
}

// signs are the operators and punctuation, longer ones before their beginnings.
var signs = []string{"<>", "!=", "<=", ">=", "||", "::", "+", "-", "*", "/", "%", "=", "<", ">", "(", ")", ",", ".", "[", "]", ";"}

// lexer cuts a text into tokens.
type lexer struct {
	text string
	at   int
}

// next is the next token. Behind the last one there are only ends.
func (l *lexer) next() (token, *Error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.at
	if start == len(l.text) {
		return token{at: start, end: start}, nil
	}
	t, err := l.read()
	t.at, t.end = start, l.at
	return t, err
}

func (l *lexer) read() (token, *Error) {
	c, _ := utf8.DecodeRuneInString(l.text[l.at:])
	switch {
	case c == '\'':
		text, err := l.quoted('\'', "string")
		return token{kind: stringToken, text: text}, err
	case c == '"':
		return l.quotedName()
	case (c == 'x' || c == 'X') && strings.HasPrefix(l.text[l.at+1:], "'"):
		l.at++
		text, err := l.quoted('\'', "bytes")
		return token{kind: bytesToken, text: text}, err
	case isDigit(c), c == '.' && l.at+1 < len(l.text) && isDigit(rune(l.text[l.at+1])):
		return token{kind: numberToken, text: l.number()}, nil
	case c == '$':
		return l.param()
	case c == '_' || unicode.IsLetter(c):
		return token{kind: wordToken, text: l.while(isWord)}, nil
	}
	return l.sign(c)
}

func (l *lexer) sign(c rune) (token, *Error) {
	for _, s := range signs {
		if strings.HasPrefix(l.text[l.at:], s) {
			l.at += len(s)
			return token{kind: signToken, text: s}, nil
		}
	}
	what := fmt.Sprintf("character %q belongs to nothing", c)
	if c == utf8.RuneError {
		what = "the text is not UTF-8 here"
	}
	return token{}, l.fail(l.at, "%s", what)
}

// quoted reads what stands between quotes; two of them stand for one.
func (l *lexer) quoted(quote byte, what string) (string, *Error) {
	start := l.at
	var b strings.Builder
	for l.at++; ; {
		i := strings.IndexByte(l.text[l.at:], quote)
		if i < 0 {
			l.at = len(l.text)
			return "", l.fail(start, "this %s has no end: expected %c", what, quote)
		}
		b.WriteString(l.text[l.at : l.at+i])
		l.at += i + 1
		if l.at == len(l.text) || l.text[l.at] != quote {
			return b.String(), nil
		}
		b.WriteByte(quote)
		l.at++
	}
}

func (l *lexer) quotedName() (token, *Error) {
	start := l.at
	text, err := l.quoted('"', "name")
	switch {
	case err != nil:
	case text == "":
		err = l.fail(start, "a name has at least one character")
	case !utf8.ValidString(text):
		err = l.fail(start, "this name is not UTF-8")
	}
	return token{kind: quotedToken, text: text}, err
}

// number reads digits with at most one point and one exponent.
func (l *lexer) number() string {
	start := l.at
	l.while(isDigit)
	if rest := l.text[l.at:]; strings.HasPrefix(rest, ".") {
		l.at++
		l.while(isDigit)
	}
	exponent := strings.TrimLeft(l.text[l.at:], "eE")
	if skipped := len(l.text) - l.at - len(exponent); skipped == 1 {
		digits := strings.TrimLeft(exponent, "+-")
		if len(exponent)-len(digits) <= 1 && digits != "" && isDigit(rune(digits[0])) {
			l.at = len(l.text) - len(digits)
			l.while(isDigit)
		}
	}
	return l.text[start:l.at]
}

func (l *lexer) param() (token, *Error) {
	start := l.at
	l.at++
	digits := l.while(isDigit)
	if digits == "" {
		return token{}, l.fail(start, "expected the number of a parameter behind $, as in $1")
	}
	return token{kind: paramToken, text: digits}, nil
}

// while reads characters as long as they are in the class.
func (l *lexer) while(class func(rune) bool) string {
	rest := l.text[l.at:]
	n := strings.IndexFunc(rest, func(c rune) bool { return !class(c) })
	if n < 0 {
		n = len(rest)
	}
	l.at += n
	return rest[:n]
}

// skipSpace passes white space and comments: -- to the end of the line, /* to */.
func (l *lexer) skipSpace() *Error {
	for {
		l.while(unicode.IsSpace)
		rest := l.text[l.at:]
		switch {
		case strings.HasPrefix(rest, "--"):
			l.while(func(c rune) bool { return c != '\n' })
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return l.fail(l.at, "this comment has no end: expected */")
			}
			l.at += n + len("*/")
		default:
			return nil
		}
	}
}

func (l *lexer) fail(at int, format string, args ...any) *Error {
	return &Error{Text: l.text, At: at, Message: fmt.Sprintf(format, args...)}
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

func isWord(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }

// quoteString is s as a string of the language.
func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoteName is a name as the language writes it: quoted where it has to be.
func quoteName(name string) string {
	plain := name != "" && !reserved[strings.ToUpper(name)]
	for i, c := range name {
		plain = plain && isWord(c) && (i > 0 || !unicode.IsDigit(c))
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
