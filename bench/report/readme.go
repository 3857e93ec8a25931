package report

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Part is a part of a document that is written by the runner: what stands between
// the comments <!-- bench NAME --> and <!-- end NAME -->.
type Part struct{ Name, Text string }

// Parts are all that results can write.
func (r *Results) Parts() []Part {
	return []Part{
		{"summary", r.Summary()},
		{"origins", r.Origins()},
		{"sides", r.Sides()},
		{"losses", r.Losses()},
		{"details", r.Details()},
	}
}

// Fill writes parts into a document. It need not have comments for all of them; a
// comment without its end, or with a name that no part has, is an error.
func Fill(document string, parts []Part) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(document, "<!-- bench ")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, _ := strings.Cut(rest, " -->\n")
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Name == name })
		if i < 0 {
			return "", fmt.Errorf("there is no part %q", name)
		}
		end := "<!-- end " + name + " -->"
		if _, document, found = strings.Cut(rest, end); !found {
			return "", fmt.Errorf("part %s has no %q behind it", name, end)
		}
		fmt.Fprintf(&out, "<!-- bench %s -->\n\n%s\n\n%s", name, strings.TrimSpace(parts[i].Text), end)
	}
}

// FillFile writes parts into a file that is there.
func FillFile(path string, parts []Part) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := Fill(string(old), parts)
	if err != nil {
		return fmt.Errorf("fill in %s: %w", path, err)
	}
	if text == string(old) {
		return nil
	}
	return replace(path, []byte(text))
}
