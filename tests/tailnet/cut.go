package main

import (
	"net"
	"sync"
)

// cutListener can make a server unreachable, and reachable again.
type cutListener struct {
	net.Listener
	mu          sync.Mutex
	cut         bool
	connections map[net.Conn]bool
}

func newCutListener(l net.Listener) *cutListener {
	return &cutListener{Listener: l, connections: map[net.Conn]bool{}}
}

func (l *cutListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		cut := l.cut
		if !cut {
			l.connections[c] = true
		}
		l.mu.Unlock()
		if !cut {
			return &cutConn{c, l}, nil
		}
		c.Close()
	}
}

// set cuts every connection and all that follow, or lets them through from now on.
func (l *cutListener) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for c := range l.connections {
			c.Close()
		}
		clear(l.connections)
	}
}

// cutConn is forgotten when it is closed.
type cutConn struct {
	net.Conn
	l *cutListener
}

func (c *cutConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.connections, c.Conn)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
