package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is what is known of where output goes: a terminal has a width, and
// colours unless NO_COLOR says otherwise.
type screen struct {
	width  int // columns, 0 = no terminal: as wide as it likes
	colour bool
}

// screenOf looks at w. Whatever is no terminal has no width and no colours.
func screenOf(w io.Writer) screen {
	if !isTerminal(w) {
		return screen{}
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 20 {
		width = 80
	}
	return screen{width: width, colour: hasColour()}
}

// isTerminal reports whether a reader or writer is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// hasColour follows no-color.org.
func hasColour() bool { return os.Getenv("NO_COLOR") == "" && knowsEscapes() }

// knowsEscapes leaves consoles alone that may not know escape sequences.
func knowsEscapes() bool {
	if runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" && os.Getenv("TERM") == "" {
		return false
	}
	return os.Getenv("TERM") != "dumb"
}

// style is a way to make text stand out.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	title  style = "1;36"
)

// paint is text in a style, where the screen has colours.
func (s screen) paint(st style, text string) string {
	if !s.colour || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width is the number of columns that text takes, its colours aside.
func width(text string) int {
	if strings.IndexByte(text, '\x1b') >= 0 {
		text = escapes.ReplaceAllString(text, "")
	}
	return runewidth.StringWidth(text)
}

// pad fills text up with blanks to n columns.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-width(text)))
}

// padLeft fills text up with blanks in front.
func padLeft(text string, n int) string {
	return strings.Repeat(" ", max(0, n-width(text))) + text
}

// fit cuts uncoloured text to n columns, with an ellipsis where it was cut.
func fit(text string, n int) string {
	return runewidth.Truncate(text, max(n, 1), "…")
}

// fitPath cuts a path to n columns at its front: the end tells more.
func fitPath(path string, n int) string {
	if extra := width(path) - n; extra > 0 {
		return runewidth.TruncateLeft(path, extra+1, "…")
	}
	return path
}

// sanitize makes text safe for one line of a terminal: what would move the
// cursor or change colours is shown as an escape. Data can hold anything.
func sanitize(text string) string {
	if !strings.ContainsFunc(text, unprintable) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unprintable(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// unprintable is true of controls, and of marks that turn the direction of
// the text around them.
func unprintable(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}
