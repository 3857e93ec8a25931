package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// A Put is as durable as its Maker says. No peer is believed: each runs in a
// process of its own whose system calls are watched. One that is durable has synced
// a file that stays between the beginning of every Put and its end; one that says
// none has not in most.
func TestPeer_Durability(t *testing.T) {
	eachPeer(t, func(t *testing.T, m side.Maker) {
		syncs := traceSyncs(t, m.Name)
		if len(syncs) != tracedPuts {
			t.Fatalf("%d of %d puts were seen", len(syncs), tracedPuts)
		}
		none := 0
		for _, n := range syncs {
			if n == 0 {
				none++
			}
		}
		if says := !strings.HasPrefix(m.Durability, "none"); says && none > 0 || !says && none <= tracedPuts/2 {
			t.Errorf("it says %q; syncs of each put: %v", m.Durability, syncs)
		}
	})
}

// tracedPuts are put by the traced process, of one event and of ten by turns.
const tracedPuts = 30

// tracedPeer is the variable that makes a process of this test the traced one.
const tracedPeer = "TRACED_PEER"

// The traced process marks the beginning of a Put by one byte written to standard
// output, its end by two. It ends without a Close, which would remove logs.
func TestMain(m *testing.M) {
	name := os.Getenv(tracedPeer)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := putTraced(name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func putTraced(name string) error {
	l, err := load.New(load.Spec{NumKeys: 10, Step: time.Second})
	if err != nil {
		return err
	}
	for _, m := range makers {
		if m.Name != name {
			continue
		}
		s, err := m.Open(".", side.Options{Load: l, Purpose: side.Ingest})
		if err != nil {
			return err
		}
		for i, next := 0, 0; i < tracedPuts; i++ {
			size := 1 + i%2*9
			os.Stdout.WriteString("(")
			if err := s.Put(next, next+size); err != nil {
				return err
			}
			os.Stdout.WriteString("))")
			next += size
		}
		return nil
	}
	return fmt.Errorf("there is no peer %s", name)
}

// traceSyncs runs the peer and says how many syncs each of its puts has seen, of
// files that are there at the end: NATS syncs a batch where it gathers it, which is
// removed, whether the stream is synced or not.
func traceSyncs(t *testing.T, name string) (syncs []int) {
	runtime.LockOSThread() // who starts a traced process must be who waits for it
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), tracedPeer+"="+name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skip("processes may not be traced here")
	} else if err != nil {
		t.Fatal(err)
	}
	var files [][]string // synced by each put
	inside := false
	status := eachCall(t, cmd.Process.Pid, func(c *systemCall) {
		switch {
		case c.Nr == syscall.SYS_WRITE && c.Args[0] == 1:
			if inside = c.Args[2] == 1; inside {
				files = append(files, nil)
			}
		case inside && c.isSync():
			files[len(files)-1] = append(files[len(files)-1], c.file(cmd.Process.Pid))
		}
	})
	if status.ExitStatus() != 0 {
		t.Fatalf("the traced process ended with status %d", status.ExitStatus())
	}
	for _, of := range files {
		syncs = append(syncs, len(slices.DeleteFunc(of, func(file string) bool {
			_, err := os.Stat(file)
			return err != nil
		})))
	}
	return syncs
}

// systemCall is struct ptrace_syscall_info of <linux/ptrace.h> at the entry of a
// call.
type systemCall struct {
	Op     uint8
	_      [3]uint8
	Arch   uint32
	IP, SP uint64
	Nr     uint64
	Args   [6]uint64
}

func (c *systemCall) isSync() bool {
	return c.Nr == syscall.SYS_FSYNC || c.Nr == syscall.SYS_FDATASYNC || c.Nr == syscall.SYS_MSYNC
}

// file is what a sync is of; of mapped memory, which does not say, something that
// is there.
func (c *systemCall) file(pid int) string {
	if c.Nr == syscall.SYS_MSYNC {
		return os.DevNull
	}
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, c.Args[0]))
	return name
}

// eachCall visits each system call that the process and all its threads enter,
// until it ends. Its first stop, at the start of the program, has not been waited
// for.
func eachCall(t *testing.T, pid int, visit func(c *systemCall)) syscall.WaitStatus {
	t.Helper()
	const getSyscallInfo, opEntry, exitKill = 0x420e, 1, 0x100000 // PTRACE_… of <linux/ptrace.h>
	var status syscall.WaitStatus
	for started := false; ; started = true {
		tid, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		if err != nil {
			t.Fatalf("wait for the traced process: %v", err)
		}
		if !started {
			if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|exitKill); err != nil {
				t.Fatalf("trace: %v", err)
			}
		}
		pass := 0 // a signal for the process
		switch stop := status.StopSignal(); {
		case tid == pid && (status.Exited() || status.Signaled()):
			return status
		case !status.Stopped():
			continue // the end of a thread
		case stop == syscall.SIGTRAP|0x80:
			var c systemCall
			_, _, failed := syscall.Syscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)), 0, 0)
			if failed == 0 && c.Op == opEntry {
				visit(&c)
			}
		case stop != syscall.SIGTRAP && stop != syscall.SIGSTOP: // of the tracing itself
			pass = int(stop)
		}
		_ = syscall.PtraceSyscall(tid, pass) // a thread may have been killed meanwhile
	}
}
