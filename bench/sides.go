package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/side"
)

// contestant is a side and the program that has it.
type contestant struct {
	child.Side
	program child.Program
}

// contestants finds the sides that are named; it builds the peers, in dir, if some
// are not ours.
func contestants(ctx context.Context, o *options, dir string, screen *progress) ([]contestant, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var known []contestant
	for _, m := range side.Ours() {
		known = append(known, contestant{child.SideOf(&m), child.Program{Path: self}})
	}
	all := slices.Equal(o.sides, []string{"all"})
	if all || slices.ContainsFunc(o.sides, func(name string) bool { return find(known, name) == nil }) {
		screen.line("build bench/peers")
		peers, err := buildPeers(ctx, dir, o.tags)
		if err != nil {
			return nil, err
		}
		known = append(known, peers...)
	}
	if all {
		return known, nil
	}
	var chosen []contestant
	for _, c := range known { // in their order, ours first
		if slices.Contains(o.sides, c.Name) {
			chosen = append(chosen, c)
		}
	}
	for _, name := range o.sides {
		if find(known, name) == nil {
			var names []string
			for _, c := range known {
				names = append(names, c.Name)
			}
			return nil, fmt.Errorf("-sides: there is no %q; there are %s (and others by -tags or with cgo, see bench/peers)", name, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

func find(all []contestant, name string) *contestant {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// buildPeers builds the program of bench/peers into dir and asks what it has.
func buildPeers(ctx context.Context, dir, tags string) ([]contestant, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/annalsdb/annals").Output()
	if err != nil {
		return nil, fmt.Errorf("find bench/peers: the peers are built from the repository, run this inside of it: %w", err)
	}
	binary := filepath.Join(dir, "peers.exe") // as Windows wants it
	build := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", binary, ".")
	build.Dir = filepath.Join(strings.TrimSpace(string(root)), "bench", "peers")
	if _, err := os.Stat(build.Dir); err != nil {
		return nil, fmt.Errorf("find bench/peers: %w", err)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build bench/peers: %w\n%s", err, out)
	}
	program := child.Program{Path: binary}
	sides, err := program.Sides(ctx)
	if err != nil {
		return nil, err
	}
	if len(sides) == 0 {
		return nil, errors.New("bench/peers has no sides")
	}
	var peers []contestant
	for _, s := range sides {
		peers = append(peers, contestant{s, program})
	}
	return peers, nil
}
