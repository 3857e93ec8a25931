package store

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layers says what each package may import of the module and of others beside
// the standard library. Data flows one way: what is not written here is refused.
const layers = `
	index     < github.com/google/btree github.com/RoaringBitmap/roaring/v2
	segment   < index github.com/RoaringBitmap/roaring/v2 github.com/klauspost/compress/zstd
	aggregate < segment index
	store     < segment index aggregate go.etcd.io/bbolt go.etcd.io/bbolt/errors
	query     < store aggregate segment index
`

func TestLayers(t *testing.T) {
	const module = "github.com/annalsdb/annals/"
	for line := range strings.Lines(strings.TrimSpace(layers)) {
		pkg, list, _ := strings.Cut(strings.TrimSpace(line), "<")
		pkg = strings.TrimSpace(pkg)
		allowed := map[string]bool{}
		for _, path := range strings.Fields(list) {
			allowed[path] = true
		}
		files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s has no files, %v", pkg, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imp := range tree.Imports {
				path, _ := strconv.Unquote(imp.Path.Value)
				path = strings.TrimPrefix(path, module)
				standard := !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") && path != "index" && path != "segment" && path != "store" && path != "query" && path != "aggregate"
				if !standard && !allowed[path] {
					t.Errorf("%s imports %s: package %s may import %s", file, path, pkg, strings.TrimSpace(list))
				}
			}
		}
	}
}
