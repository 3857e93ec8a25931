package segment

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// How a value is written as JSON:
//
//	null, bool, int64   as they are
//	float64             shortest digits that read back to the same bits, always
//	                    with a point or an exponent, so that 1.0 is not read
//	                    back as an integer; "NaN", "+Inf" and "-Inf" are strings
//	string              as a string; bytes that are no UTF-8 become U+FFFD
//	bytes               as a string in base64
//	time                as a string: RFC 3339 in UTC, to the nanosecond
//	JSON                as it is, without white space around its tokens
//
// The output holds no line feed, so that a line can hold one object.

// AppendJSON appends fs to dst as one JSON object, its members in the order of
// the list.
func (fs Fields) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, f := range fs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONString(dst, f.Name)
		dst = append(dst, ':')
		dst = f.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// MarshalJSON is fs as one JSON object, its members in the order of the list.
// It fails if a value is one that cannot be stored.
func (fs Fields) MarshalJSON() ([]byte, error) {
	for _, f := range fs {
		if f.Value.kind == invalidValue {
			return nil, fmt.Errorf("encode field %q as JSON: %s", f.Name, f.Value.text)
		}
	}
	return fs.AppendJSON(nil), nil
}

// AppendJSON appends v to dst as JSON. A value that cannot be stored is
// written as null.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case BoolValue:
		return strconv.AppendBool(dst, v.Bool())
	case Int64Value:
		return strconv.AppendInt(dst, v.Int64(), 10)
	case Float64Value:
		return appendJSONFloat(dst, v.Float64())
	case StringValue:
		return AppendJSONString(dst, v.text)
	case BytesValue:
		return appendBase64(dst, v.text)
	case TimeValue:
		return AppendJSONTime(dst, v.Time())
	case JSONValue:
		return appendCompact(dst, v.text)
	}
	return append(dst, "null"...)
}

// MarshalJSON is v as JSON. It fails if v is a value that cannot be stored.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.kind == invalidValue {
		return nil, fmt.Errorf("encode value as JSON: %s", v.text)
	}
	return v.AppendJSON(nil), nil
}

// appendJSONFloat writes what is no number as a string, and whole numbers with
// a point.
func appendJSONFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Inf"`...)
	}
	start := len(dst)
	format := byte('f')
	// The same bounds as ECMAScript: digits up to 21 places, then an exponent.
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if !bytes.ContainsAny(dst[start:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendBase64 writes s as a JSON string; the base64 alphabet needs no escapes.
func appendBase64(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}

// AppendJSONTime appends t to dst as a JSON string: RFC 3339 in UTC with nine
// digits of the second.
func AppendJSONTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, `"2006-01-02T15:04:05.000000000Z07:00"`)
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s to dst as a JSON string. Bytes that are no UTF-8
// become U+FFFD. Unlike encoding/json it leaves <, > and & alone.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // of what is not yet written and needs no change
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				dst = append(dst, s[start:i]...)
				dst = appendEscape(dst, c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		// U+2028 and U+2029 are line ends to JavaScript and to some line readers.
		if bad := r == utf8.RuneError && size == 1; bad || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u`...)
			dst = append(dst, hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscape writes the escape of one ASCII byte.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendCompact writes valid JSON text without the white space around its
// tokens. Inside of strings JSON admits bytes that are no UTF-8; they become
// U+FFFD. Text that needs neither, the common case, is copied.
func appendCompact(dst []byte, text string) []byte {
	if utf8.ValidString(text) && !hasSpace(text) {
		return append(dst, text...)
	}
	buf := bytes.NewBuffer(dst)
	if err := json.Compact(buf, bytes.ToValidUTF8([]byte(text), []byte("\uFFFD"))); err != nil {
		// Only JSONOf makes JSON values, and it takes valid text only.
		return append(dst, "null"...)
	}
	return buf.Bytes()
}

// hasSpace reports whether text holds a byte that may be white space between
// tokens. A space within a string counts too: Compact leaves it alone.
func hasSpace(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' {
			return true
		}
	}
	return false
}
