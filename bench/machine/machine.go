// Package machine measures the limits of the machine that a benchmark runs on, and
// says which machine and which program it is: a figure is worth something only
// beside the limit of the same run.
package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/annalsdb/annals/bench/meter"
)

// Description is what produced a figure.
type Description struct {
	CPU        string `json:"cpu"`
	CPUs       int    `json:"cpus"`
	Memory     int64  `json:"memory"` // bytes, 0 = unknown
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"` // of the databases: its type and device
	Go         string `json:"go"`
	Revision   string `json:"revision"` // of the repository, with "+" where files had changed
	Date       string `json:"date"`     // UTC, as 2026-01-31
}

// Describe describes this machine and process, with databases in dir.
func Describe(dir string) Description {
	return Description{
		CPU: cpu(), CPUs: runtime.NumCPU(), Memory: meter.ProcValue("/proc/meminfo", "MemTotal:") << 10,
		Kernel: kernel(), FileSystem: fileSystem(dir), Go: runtime.Version(),
		Revision: revision(), Date: time.Now().UTC().Format(time.DateOnly),
	}
}

// String is one line, without revision and date.
func (d Description) String() string {
	memory := "memory unknown"
	if d.Memory > 0 {
		memory = fmt.Sprintf("%.1f GiB", float64(d.Memory)/(1<<30))
	}
	return fmt.Sprintf("%d × %s, %s, %s, %s, %s", d.CPUs, d.CPU, memory, d.FileSystem, d.Kernel, d.Go)
}

func cpu() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	_, after, found := strings.Cut(string(b), "model name")
	line, _, _ := strings.Cut(after, "\n")
	name := strings.TrimSpace(strings.TrimLeft(line, " \t:"))
	if !found || name == "" {
		return runtime.GOARCH
	}
	return name
}

// kernel is the operating system's release, where /proc tells it.
func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(b))
}

// fileSystem is the type and the device of the mount that dir lies in, where
// /proc tells it. A line of mountinfo has the mount point in field 5, and after
// a dash the type and the device.
func fileSystem(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "unknown file system"
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown file system"
	}
	best, found := "", "unknown file system"
	for line := range strings.Lines(string(b)) {
		left, right, _ := strings.Cut(line, " - ")
		mount, what := strings.Fields(left), strings.Fields(right)
		if len(mount) < 5 || len(what) < 2 || len(mount[4]) < len(best) {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(mount[4], "/")); ok && (rest == "" || rest[0] == '/') {
			best, found = mount[4], what[0]+" on "+what[1]
		}
	}
	return found
}

// revision is what git says of the working directory: go run stamps none.
func revision() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	// What the runner writes itself is no change.
	changes, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/",
		":(top,exclude)*.md", ":(top,exclude)bench/results.json", ":(top,exclude)bench/*.svg").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(head)) + "+"
	}
	return strings.TrimSpace(string(head))
}
