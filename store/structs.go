package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// FieldError says which field of an event and which field of a Go struct do
// not fit each other, and why. It is ErrInvalid to [errors.Is].
type FieldError struct {
	Stream string // "" outside a [Typed]
	Key    string // "" outside a [Typed]
	Field  string // name in the event
	Go     string // name in Go, with its type: "shop.Order.Price"
	Err    error  // the cause
}

// Error reads `match field "price" to shop.Order.Price, stream "orders", key "o-1": cause`.
func (e *FieldError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "match field %q to %s", e.Field, e.Go)
	if e.Stream != "" {
		fmt.Fprintf(&b, ", stream %q, key %q", e.Stream, e.Key)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Is reports whether target is ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Unwrap is the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// FieldsOf is the fields of the struct v, or of the struct v points to, in the
// order in which Go declares them.
//
// A field is named by its tag `annals:"name"`, and without one by its Go name
// in snake case: OrderID is order_id, HTTPPort is http_port. The tag may go on
// with options, as in `annals:"name,omitempty"` or `annals:",json"`:
//
//   - alone in the tag: the field takes no part
//     ,omitempty the field is left out where it holds its zero value, or nothing
//     ,json      the field is stored as JSON whatever its type
//     ,key       the field is the key of the event and not among its fields;
//     it must be a string, see [Of]
//
// Structs embedded without a tag are flattened, unexported fields take no part.
// What a field becomes depends on its type alone:
//
//	bool                      bool
//	integers, time.Duration   int64; a uint64 beyond it is an error
//	floats                    float64
//	string                    string
//	[]byte                    bytes; nil is null
//	time.Time                 time; the zero Time is null
//	json.RawMessage           JSON, to the letter; nil is null
//	Value                     itself, whatever its kind
//	pointer                   what it points to; nil is null
//	other structs, maps ...   JSON by encoding/json; nil is null
//
// Types based on these ("type Price float64") count as them. Channels,
// functions and complex numbers have no place in an event. Errors name the
// field and are a [*FieldError]; those about the shape of the type itself are
// plain ErrInvalid.
func FieldsOf(v any) (Fields, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Struct {
		return nil, fmt.Errorf("read struct: %T is no struct: %w", v, ErrInvalid)
	}
	p, err := planOf(rv.Type())
	if err != nil {
		return nil, err
	}
	return p.fieldsOf(rv)
}

// Into writes fields to the struct that v points to; see [FieldsOf] for how
// they match. A field of the struct that fields does not have, or has as null,
// becomes its zero value; one of fields that the struct does not have is
// ignored. The key, and what takes no part, is left alone.
//
// Values arrive exactly or not at all: an integer that the field cannot hold,
// a float64 for an integer field (even a whole one), a float64 that a float32
// would round, a string for a bool are each a [*FieldError], after which the
// struct holds some of the fields. An int64 is read into a float where the
// float can hold it exactly: in texts such as JSON 12 and 12.0 are one number.
func Into(fields Fields, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("fill struct: %T is no pointer to a struct, or nil: %w", v, ErrInvalid)
	}
	p, err := planOf(rv.Type().Elem())
	if err != nil {
		return err
	}
	return p.fill(fields, rv.Elem())
}

// plan is all that reflection has to say about one struct type, worked out
// once: a call then only walks down the list.
type plan struct {
	fields []planned
	key    []int // where the key is, nil for a type without one
}

// planned is one field of a struct that takes part.
type planned struct {
	name      string // in the event
	goName    string // "shop.Order.Price", for errors
	index     []int
	omitEmpty bool
	codec     codec
}

// codec takes a Go value of one type to a Value and back. decode is not called
// for null, which is the zero value of every type but Value.
type codec struct {
	encode func(reflect.Value) (Value, error)
	decode func(Value, reflect.Value) error
}

// plans holds a func() (*plan, error) for each type seen.
var plans sync.Map

func planOf(t reflect.Type) (*plan, error) {
	f, ok := plans.Load(t)
	if !ok {
		f, _ = plans.LoadOrStore(t, sync.OnceValues(func() (*plan, error) { return newPlan(t) }))
	}
	return f.(func() (*plan, error))()
}

func newPlan(t reflect.Type) (*plan, error) {
	p := &plan{}
	if err := p.add(t, t.String(), nil); err != nil {
		return nil, fmt.Errorf("read type %s: %w: %w", t, err, ErrInvalid)
	}
	return p, nil
}

// add takes the fields of struct t, found at index within the whole, into the
// plan.
func (p *plan) add(t reflect.Type, path string, index []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("annals")
		if tag == "-" {
			continue
		}
		goName := path + "." + f.Name
		at := append(slices.Clone(index), i)
		var err error
		switch {
		case f.Anonymous && !tagged && flattens(f.Type):
			err = p.add(f.Type, goName, at)
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Pointer:
			err = fmt.Errorf("field %s: embed the struct itself or name the field by a tag", goName)
		case !f.IsExported() && tagged:
			err = fmt.Errorf("field %s has a tag but is not exported", goName)
		case f.IsExported():
			err = p.addField(f.Type, goName, at, tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flattens reports whether an embedded t stands for its fields. A time.Time
// and what knows its own JSON are values instead.
func flattens(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != timeType && t != valueType && !t.Implements(marshalerType)
}

func (p *plan) addField(t reflect.Type, goName string, index []int, tag string) error {
	o, err := parseTag(tag)
	if err != nil {
		return fmt.Errorf("field %s: %w", goName, err)
	}
	if o.key {
		return p.setKey(t, goName, index)
	}
	f := planned{name: o.name, goName: goName, index: index, omitEmpty: o.omitEmpty}
	if f.name == "" {
		f.name = snakeCase(goName[strings.LastIndexByte(goName, '.')+1:])
	}
	if err := p.checkName(f.name, goName); err != nil {
		return err
	}
	if f.codec, err = codecOf(t, o.json); err != nil {
		return fmt.Errorf("field %s: %w", goName, err)
	}
	p.fields = append(p.fields, f)
	return nil
}

// tagOptions is what a tag says.
type tagOptions struct {
	name                 string
	omitEmpty, json, key bool
}

func parseTag(tag string) (o tagOptions, err error) {
	name, options, _ := strings.Cut(tag, ",")
	o.name = name
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "omitempty":
			o.omitEmpty = true
		case "json":
			o.json = true
		case "key":
			o.key = true
		default:
			return o, fmt.Errorf("unknown option %q in its tag", option)
		}
	}
	if o.key && (o.name != "" || o.omitEmpty || o.json) {
		return o, errors.New("a key has no name and no other option")
	}
	return o, nil
}

func (p *plan) setKey(t reflect.Type, goName string, index []int) error {
	if p.key != nil {
		return fmt.Errorf("field %s is a second key", goName)
	}
	if t.Kind() != reflect.String {
		return fmt.Errorf("field %s: a key is a string, not %s", goName, t)
	}
	p.key = index
	return nil
}

func (p *plan) checkName(name, goName string) error {
	if len(name) > segment.MaxName || !utf8.ValidString(name) {
		return fmt.Errorf("field %s: its name %.40q is longer than %d bytes or no UTF-8", goName, name, segment.MaxName)
	}
	for _, f := range p.fields {
		if f.name == name {
			return fmt.Errorf("fields %s and %s are both named %q", f.goName, goName, name)
		}
	}
	return nil
}

// snakeCase is a Go name in snake case. A run of capitals is one word, whose
// last letter begins the next if that goes on in small: HTTPPort is http_port.
func snakeCase(name string) string {
	rs := []rune(name)
	out := make([]rune, 0, len(rs)+4)
	for i, r := range rs {
		if i > 0 && unicode.IsUpper(r) && rs[i-1] != '_' {
			ends := !unicode.IsUpper(rs[i-1])
			begins := i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if ends || begins {
				out = append(out, '_')
			}
		}
		out = append(out, unicode.ToLower(r))
	}
	return string(out)
}

func (p *plan) fieldsOf(rv reflect.Value) (Fields, error) {
	fields := make(Fields, 0, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		fv := rv.FieldByIndex(f.index)
		if f.omitEmpty && empty(fv) {
			continue
		}
		v, err := f.codec.encode(fv)
		if err != nil {
			return nil, &FieldError{Field: f.name, Go: f.goName, Err: err}
		}
		fields = append(fields, Field{Name: f.name, Value: v})
	}
	return fields, nil
}

// empty reports whether v is the zero value of its type, or of no length.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	}
	return v.IsZero()
}

func (p *plan) fill(fields Fields, rv reflect.Value) error {
	next := 0 // fields are mostly in the order of the plan
	for i := range p.fields {
		f := &p.fields[i]
		var v Value
		if next < len(fields) && fields[next].Name == f.name {
			v = fields[next].Value
			next++
		} else {
			v, _ = fields.Get(f.name)
		}
		fv := rv.FieldByIndex(f.index)
		fv.SetZero()
		if v.IsNull() {
			continue
		}
		if err := f.codec.decode(v, fv); err != nil {
			return &FieldError{Field: f.name, Go: f.goName, Err: err}
		}
	}
	return nil
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	valueType     = reflect.TypeFor[Value]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
)

func codecOf(t reflect.Type, asJSON bool) (codec, error) {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return codec{}, fmt.Errorf("a %s cannot be stored", t)
	}
	switch {
	case t == valueType:
		return valueCodec, nil
	case t == rawType:
		return rawCodec, nil
	case asJSON:
		return jsonCodec, nil
	case t == timeType:
		return timeCodec, nil
	case t.Kind() == reflect.Pointer:
		return pointerCodec(t)
	}
	return kindCodec(t), nil
}

func kindCodec(t reflect.Type) codec {
	switch t.Kind() {
	case reflect.Bool:
		return boolCodec
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intCodec
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintCodec
	case reflect.Float32, reflect.Float64:
		return floatCodec
	case reflect.String:
		return stringCodec
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesCodec
		}
	}
	return jsonCodec
}

// mismatch is the error for a value of a kind that dst does not take.
func mismatch(v Value, dst reflect.Value) error {
	return fmt.Errorf("%s is no %s", describe(v), dst.Type())
}

// describe is v with its kind, cut to what an error can show.
func describe(v Value) string {
	return fmt.Sprintf("%s %.40s", v.Kind(), v.String())
}

var boolCodec = codec{
	encode: func(v reflect.Value) (Value, error) { return segment.BoolOf(v.Bool()), nil },
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.BoolValue {
			return mismatch(v, dst)
		}
		dst.SetBool(v.Bool())
		return nil
	},
}

var intCodec = codec{
	encode: func(v reflect.Value) (Value, error) { return segment.Int64Of(v.Int()), nil },
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.Int64Value || dst.OverflowInt(v.Int64()) {
			return mismatch(v, dst)
		}
		dst.SetInt(v.Int64())
		return nil
	},
}

var uintCodec = codec{
	encode: func(v reflect.Value) (Value, error) {
		if v.Uint() > math.MaxInt64 {
			return Value{}, fmt.Errorf("%d is more than an int64 holds", v.Uint())
		}
		return segment.Int64Of(int64(v.Uint())), nil
	},
	decode: func(v Value, dst reflect.Value) error {
		i := v.Int64()
		if v.Kind() != segment.Int64Value || i < 0 || dst.OverflowUint(uint64(i)) {
			return mismatch(v, dst)
		}
		dst.SetUint(uint64(i))
		return nil
	},
}

var floatCodec = codec{
	encode: func(v reflect.Value) (Value, error) { return segment.Float64Of(v.Float()), nil },
	decode: func(v Value, dst reflect.Value) error {
		f, ok := v.Float64(), v.Kind() == segment.Float64Value
		if v.Kind() == segment.Int64Value {
			f, ok = exactFloat(v.Int64())
		}
		if !ok || dst.Kind() == reflect.Float32 && float64(float32(f)) != f && !math.IsNaN(f) {
			return mismatch(v, dst)
		}
		dst.SetFloat(f)
		return nil
	},
}

// exactFloat is i as a float64, and whether that is the same number. The
// largest float below 2^63 is checked for, as the way back from 2^63 is not
// defined.
func exactFloat(i int64) (float64, bool) {
	f := float64(i)
	return f, f < 1<<63 && int64(f) == i
}

var stringCodec = codec{
	encode: func(v reflect.Value) (Value, error) { return segment.StringOf(v.String()), nil },
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.StringValue {
			return mismatch(v, dst)
		}
		dst.SetString(v.Str())
		return nil
	},
}

var bytesCodec = codec{
	encode: func(v reflect.Value) (Value, error) {
		if v.IsNil() {
			return segment.NullOf(), nil
		}
		return segment.BytesOf(v.Bytes()), nil
	},
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.BytesValue {
			return mismatch(v, dst)
		}
		dst.SetBytes(v.Bytes())
		return nil
	},
}

var timeCodec = codec{
	encode: func(v reflect.Value) (Value, error) {
		t := v.Interface().(time.Time)
		if t.IsZero() {
			return segment.NullOf(), nil
		}
		return stored(segment.TimeOf(t))
	},
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.TimeValue {
			return mismatch(v, dst)
		}
		dst.Set(reflect.ValueOf(v.Time()))
		return nil
	},
}

var rawCodec = codec{
	encode: func(v reflect.Value) (Value, error) {
		if v.IsNil() {
			return segment.NullOf(), nil
		}
		return stored(segment.JSONOf(v.Bytes()))
	},
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.JSONValue {
			return mismatch(v, dst)
		}
		dst.SetBytes(v.JSON())
		return nil
	},
}

var valueCodec = codec{
	encode: func(v reflect.Value) (Value, error) { return stored(v.Interface().(Value)) },
	decode: func(v Value, dst reflect.Value) error {
		dst.Set(reflect.ValueOf(v))
		return nil
	},
}

// stored is v, or the reason why it cannot be stored: Append would refuse it
// without knowing the Go field.
func stored(v Value) (Value, error) {
	if v.Kind() > segment.JSONValue {
		return Value{}, errors.New(v.String())
	}
	return v, nil
}

var jsonCodec = codec{
	encode: func(v reflect.Value) (Value, error) {
		switch v.Kind() {
		case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				return segment.NullOf(), nil
			}
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // nobody shows it as HTML as it is
		if err := e.Encode(v.Interface()); err != nil {
			return Value{}, err
		}
		return stored(segment.JSONOf(bytes.TrimRight(b.Bytes(), "\n")))
	},
	decode: func(v Value, dst reflect.Value) error {
		if v.Kind() != segment.JSONValue {
			return mismatch(v, dst)
		}
		return json.Unmarshal(v.JSON(), dst.Addr().Interface())
	},
}

func pointerCodec(t reflect.Type) (codec, error) {
	if t.Elem().Kind() == reflect.Pointer {
		return codec{}, fmt.Errorf("a %s has two ways to be nil", t)
	}
	inner, err := codecOf(t.Elem(), false)
	if err != nil {
		return codec{}, err
	}
	return codec{
		encode: func(v reflect.Value) (Value, error) {
			if v.IsNil() {
				return segment.NullOf(), nil
			}
			return inner.encode(v.Elem())
		},
		decode: func(v Value, dst reflect.Value) error {
			dst.Set(reflect.New(t.Elem()))
			return inner.decode(v, dst.Elem())
		},
	}, nil
}
