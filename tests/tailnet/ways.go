package main

import (
	"context"
	"io"
	"net"

	"tailscale.com/ipn"
)

// serve leads a port of a node to a server on loopback, as `tailscale serve --tcp` does, and tells that
// server the visitor's address by the PROXY protocol of this version; 0 tells it nothing.
func (n node) serve(ctx context.Context, port uint16, to string, version int) error {
	config, err := n.local.GetServeConfig(ctx)
	if err != nil {
		return err
	}
	if config.TCP == nil {
		config.TCP = map[uint16]*ipn.TCPPortHandler{}
	}
	config.TCP[port] = &ipn.TCPPortHandler{TCPForward: to, ProxyProtocol: version}
	return n.local.SetServeConfig(ctx, config)
}

// carry takes every connection to the port of loopback that it gives over WireGuard, from this node to
// an address in the tailnet: what comes there comes from this node, byte for byte.
func (n node) carry(to string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				far, err := n.dial(ctx, "tcp", to)
				if err != nil {
					return
				}
				defer far.Close()
				go func() { io.Copy(far, c); closeWrite(far) }()
				io.Copy(c, far)
			}()
		}
	}()
	return l.Addr().String(), nil
}

// closeWrite says that nothing more will come; what is still to be answered is.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.Close()
}
