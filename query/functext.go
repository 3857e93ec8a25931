package query

import (
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// textFunctions count and cut by characters; of bytes that are no UTF-8 each is one.
var textFunctions = []function{
	string1("lower", strings.ToLower),
	string1("upper", strings.ToUpper),
	string1("reverse", reversed),
	strings2("starts_with", strings.HasPrefix),
	strings2("ends_with", strings.HasSuffix),
	strings2("contains", strings.Contains),
	trimming("trim", strings.Trim),
	trimming("ltrim", strings.TrimLeft),
	trimming("rtrim", strings.TrimRight),
	{name: "length", min: 1, max: 1, args: []kindSet{textsBytes}, result: ints, call: func(a []Value) (Value, error) {
		if a[0].Kind() == segment.BytesValue {
			return intValue(len(a[0].Literal().Text())), nil
		}
		return intValue(utf8.RuneCountInString(a[0].Str())), nil
	}},
	{name: "substr", min: 2, max: 3, args: []kindSet{texts, ints}, result: texts, call: substr},
	{name: "replace", min: 3, max: 3, args: []kindSet{texts}, result: texts, call: replace},
	{name: "concat", min: 1, max: -1, args: []kindSet{anyKind}, result: texts, nulls: true, call: concatAll},
	{name: "strpos", min: 2, max: 2, args: []kindSet{texts}, result: ints, call: func(a []Value) (Value, error) {
		s := a[0].Str()
		i := strings.Index(s, a[1].Str())
		if i < 0 {
			return intValue(0), nil
		}
		return intValue(utf8.RuneCountInString(s[:i]) + 1), nil
	}},
	{name: "split_part", min: 3, max: 3, args: []kindSet{texts, texts, ints}, result: texts, call: splitPart},
	{name: "regexp_match", min: 2, max: 2, args: []kindSet{texts}, result: bools, fixed: []int{1}, make: compiled(
		func(re *regexp.Regexp, a []Value) (Value, error) {
			return segment.BoolOf(re.MatchString(a[0].Str())), nil
		})},
	{name: "regexp_extract", min: 2, max: 3, args: []kindSet{texts, texts, ints}, result: texts, fixed: []int{1}, make: compiled(regexpExtract)},
	{name: "regexp_replace", min: 3, max: 3, args: []kindSet{texts}, result: texts, fixed: []int{1}, make: compiled(
		func(re *regexp.Regexp, a []Value) (Value, error) {
			return segment.StringOf(re.ReplaceAllString(a[0].Str(), a[2].Str())), nil
		})},
	{name: "hex", min: 1, max: 1, args: []kindSet{textsBytes}, result: texts, call: func(a []Value) (Value, error) {
		return segment.StringOf(hex.EncodeToString([]byte(a[0].Literal().Text()))), nil
	}},
	{name: "to_json", min: 1, max: 1, args: []kindSet{anyKind}, result: jsons, nulls: true, call: func(a []Value) (Value, error) {
		return segment.JSONOf(a[0].AppendJSON(nil)), nil
	}},
}

func reversed(s string) string {
	runes := []rune(s)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// trimming takes characters off a string: white space, or those of the second
// argument.
func trimming(name string, trim func(s, cutset string) string) function {
	return function{name: name, min: 1, max: 2, args: []kindSet{texts}, result: texts, call: func(a []Value) (Value, error) {
		cutset := " \t\r\n"
		if len(a) == 2 {
			cutset = a[1].Str()
		}
		return segment.StringOf(trim(a[0].Str(), cutset)), nil
	}}
}

// substr is the characters from the start-th, the first being 1, up to so many. A
// start before the first counts from there, as SQL has it: substr('abc', 0, 2) = 'a'.
func substr(a []Value) (Value, error) {
	runes := []rune(a[0].Str())
	start, end := a[1].Int64(), int64(math.MaxInt64)
	if len(a) == 3 {
		n := a[2].Int64()
		if n < 0 {
			return Value{}, fmt.Errorf("substr takes a length of 0 or more, not %d", n)
		}
		if sum, ok := addInt(start, n); ok {
			end = sum
		}
	}
	from := min(max(start, 1), int64(len(runes))+1)
	to := max(min(end, int64(len(runes))+1), from)
	return segment.StringOf(string(runes[from-1 : to-1])), nil
}

// longest is the bytes of the longest string that a function makes.
const longest = 64 << 20

func replace(a []Value) (Value, error) {
	s, old, new := a[0].Str(), a[1].Str(), a[2].Str()
	if old == "" {
		return a[0], nil
	}
	if n := strings.Count(s, old); n > 0 && len(new) > longest/n {
		return Value{}, fmt.Errorf("the result is longer than %d bytes", longest)
	}
	return segment.StringOf(strings.ReplaceAll(s, old, new)), nil
}

// concatAll joins values as text, leaving out nulls.
func concatAll(a []Value) (Value, error) {
	var b strings.Builder
	for _, v := range a {
		if isNull(v) {
			continue
		}
		text, err := cast(v, segment.StringValue)
		if err != nil {
			return Value{}, err
		}
		b.WriteString(text.Str())
	}
	return segment.StringOf(b.String()), nil
}

// splitPart is the n-th of the parts between separators, from 1, or from the end
// where n is negative; "" where there is none.
func splitPart(a []Value) (Value, error) {
	n := a[2].Int64()
	if n == 0 {
		return Value{}, fmt.Errorf("split_part counts parts from 1, or from -1 at the end, not 0")
	}
	parts := []string{a[0].Str()}
	if a[1].Str() != "" {
		parts = strings.Split(a[0].Str(), a[1].Str())
	}
	if n < 0 {
		n += int64(len(parts)) + 1
	}
	if n < 1 || n > int64(len(parts)) {
		return segment.StringOf(""), nil
	}
	return segment.StringOf(parts[n-1]), nil
}

// compiled is a function whose second argument is a regular expression of Go (RE2),
// compiled once.
func compiled(f func(re *regexp.Regexp, a []Value) (Value, error)) func([]*node) (scalar, error) {
	return func(args []*node) (scalar, error) {
		if isNull(args[1].value) {
			return func([]Value) (Value, error) { return segment.NullOf(), nil }, nil
		}
		re, err := regexp.Compile(args[1].value.Str())
		if err != nil {
			return nil, args[1].fail("%s", err)
		}
		return func(a []Value) (Value, error) { return f(re, a) }, nil
	}
}

// regexpExtract is what a group matched, 0 or none being the whole; null without a
// match.
func regexpExtract(re *regexp.Regexp, a []Value) (Value, error) {
	group := int64(0)
	if len(a) == 3 {
		group = a[2].Int64()
	}
	if group < 0 || group > int64(re.NumSubexp()) {
		return Value{}, fmt.Errorf("the regular expression has groups 0 to %d, not %d", re.NumSubexp(), group)
	}
	found := re.FindStringSubmatchIndex(a[0].Str())
	if found == nil || found[2*group] < 0 {
		return segment.NullOf(), nil
	}
	return segment.StringOf(a[0].Str()[found[2*group]:found[2*group+1]]), nil
}
