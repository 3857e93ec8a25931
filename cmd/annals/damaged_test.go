package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A damaged log is refused, listed by verify, and read around when asked.
func TestDamaged_IsRefusedListedAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, `{"key":"k","n":%d,"b":%d}`+"\n", i, i/50)
	}
	if status, _, errOut := annals(lines.String(), "import", dir, "-", "--stream", "s", "--batch", "b"); status != statusFound {
		t.Fatal(errOut)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("log files: %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[400] ^= 1 // in the first batch
	if err := os.WriteFile(files[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := annals("", "get", dir, "s", "k"); status != statusFailure || !strings.Contains(errOut, "corrupt file") {
		t.Errorf("get: status %d, %s", status, errOut)
	}
	status, out, errOut := annals("", "verify", dir)
	if status != statusFailure || !strings.Contains(out+errOut, "positions 1 to 50") || strings.Count(errOut, "\n") != 1 {
		t.Errorf("verify: status %d, %s%s", status, out, errOut)
	}
	status, out, errOut = annals("", "events", dir, "--damaged", "--from", "51", "--format", "json")
	if got := strings.Count(out, "\n"); status != statusFound || got != 50 {
		t.Errorf("behind the damage: status %d, %d events, %s", status, got, errOut)
	}
	if status, _, errOut := annals("", "get", dir, "s", "k", "--damaged"); status != statusFailure || !strings.Contains(errOut, "positions 1 to 50") {
		t.Errorf("a state that needs what is lost: status %d, %s", status, errOut)
	}
}
