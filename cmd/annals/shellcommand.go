package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/annalsdb/annals/store"
)

// shellCommand is what begins with a backslash in a shell.
type shellCommand struct {
	name, argument, help string
	run                  func(sh *shell, argument string) error
}

func shellCommands() []shellCommand {
	return []shellCommand{
		{`\d`, "[STREAM]", "the streams, or the fields of one and their kinds", (*shell).describe},
		{`\plot`, "[COLUMN]", "draw a column of the last answer over the first", (*shell).plot},
		{`\at`, "[MOMENT]", "look at a moment: TIME, known:TIME, seq:N, latest", (*shell).lookAt},
		{`\format`, "table|json|csv", "how answers look", (*shell).setFormat},
		{`\timing`, "", "show time and cost below answers, or no more", (*shell).setTiming},
		{`\help`, "", "this list", (*shell).help},
		{`\q`, "", "end, as Ctrl-D does", func(*shell, string) error { return errQuit }},
	}
}

// commandNames are their names.
func commandNames() []string {
	var names []string
	for _, c := range shellCommands() {
		names = append(names, c.name)
	}
	return names
}

// shellHelp is a line for each.
func shellHelp() string {
	var b strings.Builder
	for _, c := range shellCommands() {
		fmt.Fprintf(&b, "  %s%s\n", pad(strings.TrimSpace(c.name+" "+c.argument), 24), c.help)
	}
	return b.String()
}

// command carries out a line that begins with a backslash.
func (sh *shell) command(line string) error {
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimSuffix(strings.TrimSpace(argument), ";")
	all := shellCommands()
	i := slices.IndexFunc(all, func(c shellCommand) bool { return c.name == name })
	if i < 0 {
		return fmt.Errorf(`there is no %s: \help lists what there is`, name)
	}
	if argument != "" && all[i].argument == "" {
		return fmt.Errorf("%s takes nothing", name)
	}
	return all[i].run(sh, argument)
}

// print writes lines.
func (sh *shell) print(lines ...string) error {
	_, err := fmt.Fprintln(sh.out, strings.Join(lines, "\n"))
	return err
}

func (sh *shell) help(string) error {
	return sh.print("A SELECT ends with a semicolon and may take several lines. Beside it there are", "", strings.TrimSuffix(shellHelp(), "\n"))
}

// describe lists the streams, or the fields of one as the language writes them.
func (sh *shell) describe(stream string) error {
	if stream == "" {
		return sh.streams()
	}
	fields, err := sh.db.Latest().FieldKinds(strings.Trim(stream, `"`))
	if err != nil {
		return err
	}
	t := newTable(sh.out, sh.screen, []string{"field", "kinds"})
	for _, f := range fields {
		var kinds []string
		for _, k := range f.Kinds {
			kinds = append(kinds, k.String())
		}
		if err := t.add([]cell{text(quoted(f.Name)), text(strings.Join(kinds, ", "))}); err != nil {
			return t.close(err)
		}
	}
	return t.close(nil)
}

func (sh *shell) streams() error {
	t := newTable(sh.out, sh.screen, []string{"stream", "fold", "order"})
	for _, s := range sh.listed() {
		if err := t.add([]cell{text(s.Name), text(string(s.Fold)), text(s.Order.String())}); err != nil {
			return t.close(err)
		}
	}
	return t.close(nil)
}

// listed is the streams but that of the definitions of aggregates, which SHOW tells.
func (sh *shell) listed() []store.Stream {
	return slices.DeleteFunc(sh.db.Streams(), func(s store.Stream) bool { return s.Name == store.AggregateStream })
}

// plot draws the last answer.
func (sh *shell) plot(column string) error {
	if sh.last == nil {
		return fmt.Errorf(`\plot: there is no answer to draw yet`)
	}
	chart, err := sh.last.chart(sh.screen, column)
	if err != nil {
		return fmt.Errorf(`\plot: %w`, err)
	}
	return sh.print(chart...)
}

// lookAt makes the queries that follow see what there was at a moment.
func (sh *shell) lookAt(text string) error {
	if text == "" {
		text = "latest"
	}
	moments, err := parseMoment(text)
	if err != nil {
		return err
	}
	view, err := sh.db.View(moments...)
	if err != nil {
		return err
	}
	if sh.moments, sh.at = moments, text; len(moments) == 0 {
		sh.at = ""
	}
	return sh.print("at " + text + ", known at position " + decimal(view.Seq()))
}

func (sh *shell) setFormat(name string) error {
	if err := sh.format.Set(name); err != nil {
		return fmt.Errorf(`\format: %w`, err)
	}
	return nil
}

func (sh *shell) setTiming(string) error {
	sh.timing = !sh.timing
	if sh.timing {
		return sh.print("time and cost are shown")
	}
	return sh.print("time and cost are not shown")
}
