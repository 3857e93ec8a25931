package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// count is how many statements something has, and how many of them ran.
type count struct {
	name                string
	statements, covered int
}

func (c *count) add(r ran) {
	c.statements += r.statements
	if r.covered {
		c.covered += r.statements
	}
}

// counts are some of one kind.
type counts []count

// sum is all of them.
func (cs counts) sum() (all count) {
	for _, c := range cs {
		all.statements += c.statements
		all.covered += c.covered
	}
	return all
}

// most are the n of which most did not run; what ran all is not among them.
func (cs counts) most(n int) counts {
	cs = slices.DeleteFunc(slices.Clone(cs), func(c count) bool { return c.covered == c.statements })
	slices.SortFunc(cs, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.statements-b.covered, a.statements-a.covered), cmp.Compare(a.name, b.name))
	})
	return cs[:min(n, len(cs))]
}

// table is a row for each.
func (cs counts) table(head string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | statements | covered | |\n|---|--:|--:|--:|\n", head)
	for _, c := range cs {
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f %% |\n", c.name, c.statements, c.covered, 100*float64(c.covered)/float64(max(c.statements, 1)))
	}
	return b.String()
}

// packages counts by directory, and all of it in the last row.
func packages(blocks map[block]ran, module string) counts {
	by := map[string]*count{}
	for b, r := range blocks {
		dir := strings.TrimPrefix(path.Dir(b.file), module+"/")
		if by[dir] == nil {
			by[dir] = &count{name: dir}
		}
		by[dir].add(r)
	}
	cs := sorted(by)
	all := cs.sum()
	all.name = "all"
	return append(cs, all)
}

// byFunction counts by the functions of the files, which stand in root.
func byFunction(blocks map[block]ran, module, root string) (counts, error) {
	files := map[string]map[block]ran{}
	for b, r := range blocks {
		if files[b.file] == nil {
			files[b.file] = map[block]ran{}
		}
		files[b.file][b] = r
	}
	by := map[string]*count{}
	for file, blocks := range files {
		name := strings.TrimPrefix(file, module+"/")
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, filepath.Join(root, filepath.FromSlash(name)), nil, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				from, to := set.Position(f.Pos()).Line, set.Position(f.End()).Line
				key := fmt.Sprintf("%s:%d %s", name, from, f.Name.Name)
				by[key] = &count{name: key}
				for b, r := range blocks {
					if from <= b.line && b.line2 <= to {
						by[key].add(r)
					}
				}
			}
		}
	}
	return sorted(by), nil
}

func sorted(by map[string]*count) counts {
	var cs counts
	for _, c := range by {
		cs = append(cs, *c)
	}
	slices.SortFunc(cs, func(a, b count) int { return strings.Compare(a.name, b.name) })
	return cs
}
