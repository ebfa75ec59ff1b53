// Command tailnet is a whole Tailscale tailnet in one process, without any network beyond loopback:
// a test control server, a DERP relay, a STUN server, and real nodes. README.md says what it is for.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/derp/derpserver"
	"tailscale.com/envknob"
	"tailscale.com/ipn/store/mem"
	"tailscale.com/net/netns"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/tsnet"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// proxy is the node that stands where the reverse proxy stands: its LocalAPI is the one that is asked.
const proxy = "proxy"

// patience is how long anything may take before the process gives up; nothing is measured with it.
const patience = 60 * time.Second

// tailnet is the control server and its nodes.
type tailnet struct {
	dir     string
	socket  string // of the LocalAPI of the node proxy
	control *control
	logf    logger.Logf

	gate   *gate   // before that LocalAPI, unless
	daemon *daemon // the node is a process of its own

	mu    sync.Mutex
	nodes map[string]node
}

// node is what the tests need of a node, be it in this process or not.
type node struct {
	local *local.Client
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

// node finds one by its name.
func (t *tailnet) node(name string) (node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.nodes[name]
	if !ok {
		return n, fmt.Errorf("no node %q", name)
	}
	return n, nil
}

// join brings a new node into the tailnet; it is Running when this returns.
func (t *tailnet) join(ctx context.Context, name string) error {
	if _, err := t.node(name); err == nil || name == "" {
		return fmt.Errorf("a node cannot be called %q (again)", name)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, err := t.start(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes[name] = n
	return nil
}

func (t *tailnet) start(ctx context.Context, name string) (n node, err error) {
	if name == proxy && t.daemon != nil {
		return t.daemon.node(), t.daemon.logIn(ctx, t.control.url(), name)
	}
	server := &tsnet.Server{
		Dir: filepath.Join(t.dir, "node-"+name), Hostname: name, ControlURL: t.control.url(),
		Ephemeral: true, Store: new(mem.Store), // a store in memory is for ephemeral nodes only
		Logf: t.logf, UserLogf: t.logf,
	}
	if _, err = server.Up(ctx); err != nil {
		return
	}
	if n.local, err = server.LocalClient(); err != nil {
		return
	}
	n.dial = server.Dial
	if name == proxy {
		t.gate, err = newGate(n.local, t.socket)
	}
	return
}

// derpMap starts a DERP relay and a STUN server on loopback and says where they are.
func derpMap(ctx context.Context) (*tailcfg.DERPMap, error) {
	relay := httptest.NewUnstartedServer(derpserver.Handler(derpserver.New(key.NewNode(), logger.Discard)))
	relay.Config.ErrorLog = logger.StdLogger(logger.Discard)
	// Without HTTP/2: DERP takes the connection over.
	relay.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	relay.StartTLS()
	stun := stunserver.New(ctx)
	if err := stun.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	go stun.Serve()
	return &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: {
		RegionID: 1, RegionCode: "test",
		Nodes: []*tailcfg.DERPNode{{
			Name: "t1", RegionID: 1, HostName: "127.0.0.1", IPv4: "127.0.0.1", IPv6: "none",
			STUNPort: stun.LocalAddr().(*net.UDPAddr).Port, STUNTestIP: "127.0.0.1",
			DERPPort:         relay.Listener.Addr().(*net.TCPAddr).Port,
			InsecureForTests: true,
		}},
	}}}, nil
}

func run() error {
	dir := flag.String("dir", "", "the `directory` for sockets and the nodes' state; it must be there")
	program := flag.String("daemon", "", "the `program` tailscaled: the node proxy is then a real daemon")
	verbose := flag.Bool("v", false, "print what the nodes and the control server log")
	flag.Parse()
	if *dir == "" {
		return errors.New("-dir is missing")
	}

	// envknob.Setenv and not os.Setenv: the variables were read before main began.
	envknob.Setenv("TS_ASSUME_NETWORK_UP_FOR_TEST", "1")
	envknob.Setenv("TS_PANIC_IF_HIT_MAIN_CONTROL", "1")
	envknob.Setenv("TS_DISABLE_PORTMAPPER", "1")
	envknob.SetNoLogsNoSupport() // a tsnet node sends its log to Tailscale otherwise
	netns.SetEnabled(false)

	t := &tailnet{dir: *dir, socket: filepath.Join(*dir, "tailscaled.sock"), nodes: map[string]node{}}
	t.logf = logger.Discard
	if *verbose {
		t.logf = log.Printf
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	derp, err := derpMap(ctx)
	if err != nil {
		return err
	}
	t.control = newControl(derp, t.logf)
	if *program != "" {
		t.daemon = &daemon{program: *program, dir: filepath.Join(*dir, "node-"+proxy), socket: t.socket}
		defer t.daemon.do("kill")
	}
	for _, name := range []string{proxy, "laptop"} {
		if err := t.join(ctx, name); err != nil {
			return err
		}
	}
	if err := t.serveAdmin(filepath.Join(*dir, "admin.sock")); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func main() {
	log.SetFlags(log.Lmicroseconds)
	log.SetPrefix("tailnet: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
