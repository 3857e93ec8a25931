package main

import (
	"strings"
	"testing"

	"github.com/annalsdb/annals/query"
)

func TestParamsOf(t *testing.T) {
	given := []string{"2=17", "1=eu", `3="17"`, "4=2.50", "5=null", "6=true", "7=2024-03-01", "8=a=b", "9=", `10={"a":[1]}`, "11=017", "12=-0"}
	params, err := paramsOf(given)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"string eu", "int64 17", "string 17", "float64 2.5", "null null", "bool true", "string 2024-03-01", "string a=b", "string ", `json {"a":[1]}`, "string 017", "int64 0"}
	for i, p := range params {
		v := p.(query.Value)
		if got := v.Kind().String() + " " + v.String(); got != want[i] {
			t.Errorf("parameter %d: got %s, want %s", i+1, got, want[i])
		}
	}
}

func TestParamsOf_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		"eu":                    "write the number",
		"x=1":                   "write the number",
		"0=1":                   "write the number",
		"2=1":                   "no number 2 among 1 parameter",
		"1=9223372036854775808": "does not fit",
		"1=1 1=2":               "given twice",
		`1="\ud800"`:            "half a character",
	} {
		if _, err := paramsOf(strings.Fields(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
