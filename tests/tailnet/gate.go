package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"tailscale.com/client/local"
)

// gate serves the LocalAPI of a node of this process on a unix socket, byte for byte, and can fail in
// the ways a daemon's socket fails. Who may write is not its business: it lets everybody.
type gate struct {
	path  string
	local *local.Client

	mu          sync.Mutex
	mode        string
	listener    *net.UnixListener // nil where nobody listens
	open        chan struct{}     // closed unless hanging
	connections map[net.Conn]bool
}

func newGate(l *local.Client, path string) (*gate, error) {
	g := &gate{path: path, local: l, mode: "gone", connections: map[net.Conn]bool{}, open: make(chan struct{})}
	close(g.open)
	return g, g.set("ok")
}

// set changes how the socket behaves:
//
//	ok      it answers
//	hang    it accepts, then nothing moves, on open connections neither (a stopped process)
//	reset   it accepts and closes
//	refuse  the file is there and nobody listens (a killed daemon)
//	gone    there is no file (a daemon that ended, or never started)
//
// In the last three, open connections are closed.
func (g *gate) set(mode string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch mode {
	case "ok", "hang", "reset", "refuse", "gone":
	default:
		return fmt.Errorf("no mode %q", mode)
	}
	listens := mode != "refuse" && mode != "gone"
	if !listens && g.listener != nil {
		g.listener.SetUnlinkOnClose(false)
		g.listener.Close()
		g.listener = nil
	}
	if mode == "gone" {
		os.Remove(g.path)
	}
	if mode != "ok" && mode != "hang" {
		for c := range g.connections {
			c.Close()
		}
	}
	if hangs, hung := mode == "hang", g.mode == "hang"; hangs && !hung {
		g.open = make(chan struct{})
	} else if !hangs && hung {
		close(g.open)
	}
	g.mode = mode
	if listens && g.listener == nil {
		os.Remove(g.path)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: g.path, Net: "unix"})
		if err != nil {
			return err
		}
		os.Chmod(g.path, 0o666) // as tailscaled does
		g.listener = l
		go g.accept(l)
	}
	return nil
}

func (g *gate) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go g.carry(c)
	}
}

func (g *gate) carry(c net.Conn) {
	defer c.Close()
	g.mu.Lock()
	reset := g.mode == "reset"
	g.connections[c] = true
	g.mu.Unlock()
	defer func() { g.mu.Lock(); delete(g.connections, c); g.mu.Unlock() }()
	if reset {
		return
	}
	api, err := g.local.Dial(context.Background(), "tcp", "local-tailscaled.sock:80")
	if err != nil {
		return
	}
	defer api.Close()
	go func() { g.copy(api, c); api.Close() }()
	g.copy(c, api)
}

// copy is io.Copy that hangs when the gate does.
func (g *gate) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
		if _, wrong := to.Write(buffer[:n]); wrong != nil || err != nil {
			return
		}
	}
}
