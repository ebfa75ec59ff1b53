package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// daemon is a real tailscaled, a process of its own: for what only a process shows, which is being
// stopped, killed and started again.
type daemon struct {
	program, dir, socket string

	mu      sync.Mutex
	command *exec.Cmd // nil while it does not run
}

func (d *daemon) local() *local.Client {
	return &local.Client{Socket: d.socket, UseSocketOnly: true}
}

func (d *daemon) node() node {
	return node{local: d.local(), dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		return d.local().DialTCP(ctx, host, uint16(n))
	}}
}

// do starts the process, or stops, continues, terminates or kills it; that has happened when this
// returns, but a daemon that was started does not answer yet.
func (d *daemon) do(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if what == "start" {
		return d.start()
	}
	signal, ok := map[string]syscall.Signal{
		"stop": syscall.SIGSTOP, "cont": syscall.SIGCONT, "term": syscall.SIGTERM, "kill": syscall.SIGKILL,
	}[what]
	if !ok {
		return fmt.Errorf("a daemon cannot %q", what)
	}
	if d.command == nil {
		return fmt.Errorf("%q: it does not run", what)
	}
	if err := d.command.Process.Signal(signal); err != nil {
		return err
	}
	switch what {
	case "stop":
		// The signal takes effect some time after kill(2) has returned.
		return until("it did not stop", func() bool { return stopped(d.command.Process.Pid) })
	case "term", "kill":
		d.command.Wait()
		d.command = nil
	}
	return nil
}

// stopped says whether every thread of a process is stopped; only Linux tells.
func stopped(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range files {
		b, _ := os.ReadFile(file)
		// "pid (name) state …", and the name may hold anything.
		_, rest, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(files) > 0
}

func (d *daemon) start() error {
	if d.command != nil {
		return fmt.Errorf("it runs already")
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(d.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	command := exec.Command(d.program, "--tun=userspace-networking", "--statedir="+d.dir,
		"--socket="+d.socket, "--port=0", "--no-logs-no-support")
	command.Env = append(os.Environ(), "TS_ASSUME_NETWORK_UP_FOR_TEST=1", "TS_PANIC_IF_HIT_MAIN_CONTROL=1",
		"TS_DISABLE_PORTMAPPER=1", "TS_LOGS_DIR="+d.dir)
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it ends with this process
	if err := command.Start(); err != nil {
		return err
	}
	d.command = command
	return nil
}

func (d *daemon) log() string { return filepath.Join(d.dir, "log") }

// logIn starts it and brings it into the tailnet under this name.
func (d *daemon) logIn(ctx context.Context, control, name string) error {
	if err := d.do("start"); err != nil {
		return err
	}
	answers := func() bool { _, err := d.local().StatusWithoutPeers(ctx); return err == nil }
	if err := until("it does not answer, see "+d.log(), answers); err != nil {
		return err
	}
	preferences := ipn.NewPrefs()
	preferences.ControlURL, preferences.WantRunning, preferences.Hostname = control, true, name
	if err := d.local().Start(ctx, ipn.Options{UpdatePrefs: preferences}); err != nil {
		return err
	}
	if err := d.local().StartLoginInteractive(ctx); err != nil {
		return err
	}
	return until("it is never Running, see "+d.log(), func() bool {
		status, err := d.local().StatusWithoutPeers(ctx)
		return err == nil && status.BackendState == ipn.Running.String()
	})
}

// until waits for something to be so.
func until(otherwise string, is func() bool) error {
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s", otherwise)
		}
	}
	return nil
}
