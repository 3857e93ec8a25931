package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

// lineSource is where a shell gets its lines from.
type lineSource interface {
	// next is the next line without its end, io.EOF behind the last, and
	// errAborted for one that was given up.
	next(prompt string) (string, error)
	// remember puts a statement into the history.
	remember(statement string)
	close() error
}

var errAborted = errors.New("aborted")

// script is lines that nobody types.
type script struct{ r *bufio.Reader }

func (s script) next(string) (string, error) {
	line, err := s.r.ReadString('\n')
	if err == io.EOF && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (script) remember(string) {}
func (script) close() error    { return nil }

// editor is a line at a terminal, with a history that is kept in a file: a
// statement a line, the oldest first. Shells at the same time append to it.
type editor struct {
	line *liner.State
	file *os.File // nil = not kept
}

// newEditor begins to edit. That the history cannot be kept is told by err, and
// there is an editor nevertheless.
func newEditor(complete liner.WordCompleter) (e *editor, err error) {
	e = &editor{line: liner.NewLiner()}
	e.line.SetCtrlCAborts(true)
	e.line.SetTabCompletionStyle(liner.TabPrints)
	e.line.SetWordCompleter(complete)
	path, err := historyPath()
	if err != nil {
		return e, err
	}
	if err := e.recall(path); err != nil {
		return e, fmt.Errorf("history: %w", err)
	}
	return e, nil
}

// historyPath is where the XDG base directory specification has it.
func historyPath() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) { // others are to be ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("history: %w", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "annals", "history"), nil
}

// recall reads the history and leaves the file open to append to. A file that
// has twice as much as is kept is cut to that.
func (e *editor) recall(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, statement := range all[max(0, len(all)-liner.HistoryLimit):] {
		e.line.AppendHistory(strings.ToValidUTF8(statement, "�"))
	}
	flags := os.O_APPEND | os.O_CREATE | os.O_WRONLY
	if e.file, err = os.OpenFile(path, flags, 0o600); err != nil || len(all) < 2*liner.HistoryLimit {
		return err
	}
	if err := e.file.Truncate(0); err != nil {
		return err
	}
	_, err = e.line.WriteHistory(e.file)
	return err
}

func (e *editor) next(prompt string) (string, error) {
	line, err := e.line.Prompt(prompt)
	if errors.Is(err, liner.ErrPromptAborted) {
		return "", errAborted
	}
	return line, err
}

// remember loses what cannot be written: it is a convenience.
func (e *editor) remember(statement string) {
	e.line.AppendHistory(statement)
	if e.file != nil {
		_, _ = e.file.WriteString(statement + "\n")
	}
}

// close gives the terminal back.
func (e *editor) close() error {
	err := e.line.Close()
	if e.file != nil {
		err = errors.Join(err, e.file.Close())
	}
	return err
}
