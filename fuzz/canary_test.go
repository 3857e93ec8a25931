//go:build canary

package fuzz

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// canary is a bug: text of a file that is replaced, and a test that must notice.
type canary struct {
	name     string
	file     string // from the root of the module
	old, new string
	pkg      string
	args     []string // of go test, with seeds, so that the same is tried each time
}

// canaries are bugs as they are made. They are planted by the compiler's overlay,
// so none of them is in the source, and one whose text is no longer there fails.
var canaries = []canary{
	{
		"an append is not synced", "store/commit.go",
		"	return g.log.Sync()\n", "	return nil\n",
		"./fuzz", []string{"-run=TestCrash$/sync=0", "-crashseed=1", "-crashevery=4"},
	},
	{
		"a sealed file is not synced", "segment/sealedwriter.go",
		"if err := w.file.Sync(); err != nil {", "if err := error(nil); err != nil {",
		"./fuzz", []string{"-run=TestCrash$/sync=0", "-crashseed=1", "-crashevery=4"},
	},
	{
		"a log file is renamed before it is synced", "segment/log.go",
		"	if err := l.file.Sync(); err != nil {\n		return err\n	}\n	if err := fs.Rename(tmp, l.Path); err != nil {\n		return err\n	}\n",
		"	if err := fs.Rename(tmp, l.Path); err != nil {\n		return err\n	}\n	if err := l.file.Sync(); err != nil {\n		return err\n	}\n",
		"./fuzz", []string{"-run=TestCrash$/sync=0", "-crashseed=1", "-crashevery=1"},
	},
	{
		"the name of a sealed file is not synced", "segment/sealedwriter.go",
		"		err = w.fs.SyncDir(w.dir)\n", "		err = nil\n",
		"./fuzz", []string{"-run=TestCrash$/sync=0", "-crashseed=1", "-crashevery=1"},
	},
	{
		"what Open finds is not synced", "store/recover.go",
		"	if err := db.log.Renew(synced, db.log.end.Load()); err != nil {\n		return err\n	}\n", "	_ = synced\n",
		"./fuzz", []string{"-run=TestCrash$/sync=0", "-crashseed=1", "-crashevery=1"},
	},
	{
		"a failed sync is forgotten", "store/commit.go",
		"	return g.log.Sync()\n", "	g.log.Sync()\n	return nil\n",
		"./fuzz", []string{"-run=TestFault$", "-faultseed=1", "-faultevery=2"},
	},
	{
		"the checksum of a page is no checksum", "segment/footer.go",
		"	return crc32.Update(salt^uint32(offset), castagnoli, payload)\n", "	return salt ^ uint32(offset)\n",
		"./fuzz", []string{"-run=TestCorrupt$/crashed/sealed0", "-corruptseed=1"},
	},
	{
		"the checksum of a frame is not looked at", "segment/frame.go",
		"	return crc32.Update(salt, castagnoli, frame[8:]) == binary.LittleEndian.Uint32(frame[4:])\n", "	return true\n",
		"./fuzz", []string{"-run=TestCorrupt$/crashed/newest", "-corruptseed=1"},
	},
	{
		"a merge counts versions from one too many", "segment/pick.go",
		"int64(s.key.Base + s.next - s.key.Row)", "int64(s.key.Base + s.next - s.key.Row + 1)",
		"./fuzz", []string{"-run=TestOracle$", "-seeds=300"},
	},
	{
		"a filter lies", "segment/filter.go",
		"	for _, e := range entries {\n", "	for _, e := range entries[min(1, len(entries)):] {\n",
		"./fuzz", []string{"-run=TestOracle$", "-seeds=300"},
	},
}

var (
	canaryCount = flag.Int("canaries", len(canaries), "how many bugs TestCanary plants")
	canarySeed  = flag.Uint64("canaryseed", 0, "which ones; 0 picks a seed")
)

// TestCanary plants each bug, or some, and wants its test to fail:
//
//	go test ./fuzz -tags canary -run TestCanary -v
//
// Each has what depends on the changed package compiled anew, which takes longer than
// most of the tests.
func TestCanary(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	seed := *canarySeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d (-canaryseed %d)", seed, seed)
	order := rand.New(rand.NewPCG(seed, 7)).Perm(len(canaries))
	for _, i := range order[:min(*canaryCount, len(order))] {
		c := canaries[i]
		t.Run(c.name, func(t *testing.T) {
			out, err := c.sing(root, t.TempDir())
			text := string(out)
			switch {
			case err == nil:
				t.Errorf("nobody noticed:\n%s", text)
			case !strings.Contains(text, "--- FAIL: "), strings.Contains(text, "test timed out"):
				t.Errorf("the test did not come to fail: %v\n%s", err, text)
			default:
				t.Log(firstLines(text, 6))
			}
		})
	}
}

// sing runs the test with the bug.
func (c canary) sing(root, dir string) ([]byte, error) {
	path := filepath.Join(root, c.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(source), c.old); n != 1 {
		return []byte("the text to replace is there not once: " + c.old), nil
	}
	planted := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(planted, []byte(strings.Replace(string(source), c.old, c.new, 1)), 0o644); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: planted}})
	if err != nil {
		return nil, err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", append([]string{"test", "-overlay", list, "-timeout", "10m", c.pkg}, c.args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // what a test that fails keeps goes with it
	return cmd.CombinedOutput()
}

func firstLines(text string, n int) string {
	lines := strings.SplitN(text, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}
