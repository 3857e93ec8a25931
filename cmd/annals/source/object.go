package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// The JSON of a line is first checked as a whole by encoding/json and then cut
// up here. Cutting up what is known to be valid takes few lines, keeps the
// order of the members and costs a fraction of a token decoder.

// checkObject says what is wrong with a line that should be one JSON object.
func checkObject(line []byte) error {
	if !utf8.Valid(line) {
		return fmt.Errorf("invalid UTF-8 at byte %d", invalidAt(line)+1)
	}
	if !json.Valid(line) {
		return explainJSON(line)
	}
	if i := space(line, 0); line[i] != '{' {
		return errors.New("not a JSON object")
	}
	return nil
}

// invalidAt is the offset of the first byte that is no UTF-8.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// explainJSON is the decoder's own words, with the place.
func explainJSON(line []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(line, &any)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("bad JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("bad JSON: %w", err)
}

// members calls f with the name and the text of each member of a valid JSON
// object.
func members(object []byte, f func(name, value []byte) error) error {
	i := space(object, space(object, 0)+1)
	for object[i] != '}' {
		end := skipString(object, i)
		name, err := unquote(object[i:end])
		if err != nil {
			return err
		}
		i = space(object, space(object, end)+1) // over the colon
		end = skipValue(object, i)
		if err := f(name, object[i:end]); err != nil {
			return err
		}
		if i = space(object, end); object[i] == ',' {
			i = space(object, i+1)
		}
	}
	return nil
}

// space is the first offset from i on that is no white space.
func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// skipString is the offset behind the string that begins at i.
func skipString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue is the offset behind the value that begins at i.
func skipValue(text []byte, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		return skipNested(text, i)
	}
	for i < len(text) && text[i] > ' ' && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

func skipNested(text []byte, i int) int {
	for depth := 0; ; i++ {
		switch text[i] {
		case '"':
			i = skipString(text, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// valueOf is the value of a valid JSON text: integers stay integers, what is
// nested stays JSON to the letter.
func valueOf(text []byte) (segment.Value, error) {
	switch text[0] {
	case 'n':
		return segment.NullOf(), nil
	case 't', 'f':
		return segment.BoolOf(text[0] == 't'), nil
	case '"':
		s, err := unquote(text)
		return segment.StringOf(string(s)), err
	case '{', '[':
		return segment.JSONOf(text), nil
	}
	return numberOf(string(text))
}

func numberOf(text string) (segment.Value, error) {
	if !isFloat(text) {
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return segment.Value{}, fmt.Errorf("integer %s does not fit into 64 bits", short(text))
		}
		return segment.Int64Of(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return segment.Value{}, fmt.Errorf("number %s does not fit into a float64", short(text))
	}
	return segment.Float64Of(f), nil
}

// isFloat reports whether a number is written with a point or an exponent.
func isFloat(number string) bool {
	return bytes.ContainsAny([]byte(number), ".eE")
}

// short cuts text that goes into a message.
func short(text string) string {
	if len(text) <= 40 {
		return text
	}
	return text[:40] + "…"
}

// unquote is the text of a valid JSON string. It shares the memory of quoted
// unless there are escapes. Half a surrogate pair is an error: it stands for
// no character, and putting U+FFFD in its place could make two keys one.
func unquote(quoted []byte) ([]byte, error) {
	body := quoted[1 : len(quoted)-1]
	first := bytes.IndexByte(body, '\\')
	if first < 0 {
		return body, nil
	}
	out := append(make([]byte, 0, len(body)), body[:first]...)
	for i := first; i < len(body); i++ {
		if body[i] != '\\' {
			out = append(out, body[i])
			continue
		}
		i++
		if body[i] != 'u' {
			out = append(out, plainEscape(body[i]))
			continue
		}
		r, used, err := unicodeEscape(body[i+1:])
		if err != nil {
			return nil, err
		}
		out = utf8.AppendRune(out, r)
		i += used
	}
	return out, nil
}

func plainEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// unicodeEscape decodes what follows \u, and says how many bytes that were.
func unicodeEscape(text []byte) (rune, int, error) {
	r := hex4(text)
	if !utf16.IsSurrogate(r) {
		return r, 4, nil
	}
	if len(text) >= 10 && text[4] == '\\' && text[5] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(text[6:])); pair != utf8.RuneError {
			return pair, 10, nil
		}
	}
	return 0, 0, fmt.Errorf(`\u%s is half a surrogate pair`, text[:4])
}

func hex4(text []byte) rune {
	n, _ := strconv.ParseUint(string(text[:4]), 16, 16) // valid: four digits
	return rune(n)
}

// Object is the members of a JSON text that is an object, in their order, and
// whether it is one whose members can all be values.
func Object(text []byte) (fs segment.Fields, ok bool) {
	if checkObject(text) != nil {
		return nil, false
	}
	err := members(text, func(name, text []byte) error {
		v, err := valueOf(text)
		fs = append(fs, segment.Field{Name: string(name), Value: v})
		return err
	})
	return fs, err == nil
}
