package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// control is Tailscale's own test control server with the tests' wishes laid over it. Changes go out
// as deltas, as the production server sends them: whole maps would announce on the bus what in
// production is not announced, and code that relies on it would pass.
type control struct {
	server   *testcontrol.Server
	listener *cutListener
	born     time.Time

	mu      sync.Mutex
	changes map[string]json.RawMessage // by name of the node, in the shape of tailcfg.Node
	removed map[string]bool            // by name of the node
	fakes   map[string]*tailcfg.Node   // peers that nobody runs
	users   map[tailcfg.UserID]tailcfg.UserProfile
	grants  []grant
	changed chan struct{} // closed and replaced at every change
}

// grant is one of the policy file, with addresses for names.
type grant struct {
	Src []string           `json:"src"` // addresses, prefixes, or "*"
	Dst []netip.Prefix     `json:"dst"` // none: everything
	App tailcfg.PeerCapMap `json:"app"`
}

func newControl(derp *tailcfg.DERPMap, logf logger.Logf) *control {
	c := &control{
		born:    time.Now().UTC().Truncate(time.Second),
		changes: map[string]json.RawMessage{}, removed: map[string]bool{}, fakes: map[string]*tailcfg.Node{},
		users: map[tailcfg.UserID]tailcfg.UserProfile{}, changed: make(chan struct{}),
	}
	c.server = &testcontrol.Server{
		DERPMap: derp, MagicDNSDomain: "tail-scale.ts.net", DNSConfig: &tailcfg.DNSConfig{Proxied: true},
		Logf: logf, AllOnline: true, AltMapStream: c.stream,
	}
	server := httptest.NewUnstartedServer(c.server)
	c.listener = newCutListener(server.Listener)
	server.Listener = c.listener
	c.server.HTTPTestServer = server
	server.Start()
	return c
}

func (c *control) url() string { return c.server.HTTPTestServer.URL }

// change does something to the overlay and tells every open map stream to look again.
func (c *control) change(do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// find gives a node by its name, real or fake, as it is without the tests' changes.
func (c *control) find(name string) (*tailcfg.Node, error) {
	for _, n := range c.server.AllNodes() {
		if n.Hostinfo.Valid() && n.Hostinfo.Hostname() == name {
			return n, nil
		}
	}
	if n, ok := c.fakes[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("no node %q", name)
}

// stream takes the place of testcontrol's own map stream as a whole, so it has to do what that does
// with the updates of endpoints, disco key and Hostinfo, too.
func (c *control) stream(ctx context.Context, w testcontrol.MapStreamWriter, request *tailcfg.MapRequest) {
	if !request.Stream {
		if !request.ReadOnly {
			c.update(ctx, request)
		}
		if is, _ := c.response(request); is != nil {
			w.SendMapMessage(is)
		}
		return
	}
	alive := time.NewTicker(50 * time.Second)
	defer alive.Stop()
	var was *tailcfg.MapResponse
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		is, err := c.response(request)
		if err != nil || is == nil {
			return
		}
		message := is
		if was != nil {
			message = delta(was, is)
		}
		if message != nil && w.SendMapMessage(message) != nil {
			return
		}
		was = is
	wait:
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				break wait
			case <-alive.C:
				if w.SendMapMessage(&tailcfg.MapResponse{KeepAlive: true}) != nil {
					return
				}
			}
		}
	}
}

// update takes down what a node says of itself.
func (c *control) update(ctx context.Context, request *tailcfg.MapRequest) {
	n := c.server.Node(request.NodeKey)
	if n == nil || ctx.Err() != nil {
		return
	}
	n.Endpoints, n.DiscoKey, n.Cap = request.Endpoints, request.DiscoKey, request.Version
	if request.Hostinfo != nil {
		n.Hostinfo = request.Hostinfo.View()
		if net := n.Hostinfo.NetInfo(); net.Valid() && net.PreferredDERP() != 0 {
			n.HomeDERP = net.PreferredDERP()
		}
	}
	c.server.UpdateNode(n)
	c.change(func() error { return nil })
}

// response is testcontrol's answer with the overlay laid over it.
func (c *control) response(request *tailcfg.MapRequest) (*tailcfg.MapResponse, error) {
	response, err := c.server.MapResponse(request)
	if err != nil || response == nil {
		return response, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// testcontrol says it is 2020, and then no key ever expires.
	now := time.Now().UTC()
	response.ControlTime = &now

	response.Node = c.overlay(response.Node)
	var peers []*tailcfg.Node
	for _, n := range slices.Concat(response.Peers, slices.Collect(maps.Values(c.fakes))) {
		if !n.Hostinfo.Valid() || !c.removed[n.Hostinfo.Hostname()] {
			peers = append(peers, c.overlay(n))
		}
	}
	slices.SortFunc(peers, func(a, b *tailcfg.Node) int { return int(a.ID - b.ID) })
	response.Peers = peers

	profiles := maps.Clone(c.users)
	for _, profile := range response.UserProfiles {
		if _, ours := c.users[profile.ID]; !ours {
			profiles[profile.ID] = profile
		}
	}
	response.UserProfiles = nil
	for _, id := range slices.Sorted(maps.Keys(profiles)) {
		response.UserProfiles = append(response.UserProfiles, profiles[id])
	}

	for _, g := range c.grants {
		to := g.Dst
		if len(to) == 0 {
			to = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		}
		rule := tailcfg.FilterRule{SrcIPs: g.Src, CapGrant: []tailcfg.CapGrant{{Dsts: to, CapMap: g.App}}}
		response.PacketFilter = append(response.PacketFilter, rule)
	}
	return response, nil
}

// overlay is a node as the tests want it seen.
func (c *control) overlay(n *tailcfg.Node) *tailcfg.Node {
	if n.Hostinfo.Valid() {
		if change, ok := c.changes[n.Hostinfo.Hostname()]; ok {
			// It was tried when it was given.
			if changed, err := merge(n, change); err == nil {
				n = changed
			}
		}
	}
	if n.Created.IsZero() {
		n = n.Clone()
		n.Created = c.born
	}
	return n
}

// merge gives the node with the fields of change in place of its own. Those of Hostinfo are merged one
// by one, because the Hostname in it is the node's name here.
func merge(n *tailcfg.Node, change json.RawMessage) (*tailcfg.Node, error) {
	merged, host := n.Clone(), n.Hostinfo.AsStruct()
	merged.Hostinfo = tailcfg.HostinfoView{}
	decoder := json.NewDecoder(bytes.NewReader(change))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(merged); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(change, &struct{ Hostinfo *tailcfg.Hostinfo }{host}); err != nil {
		return nil, err
	}
	merged.Hostinfo = host.View()
	return merged, nil
}

// delta is what the control server sends to get from one map to another; nil for nothing.
func delta(was, is *tailcfg.MapResponse) *tailcfg.MapResponse {
	d, some := &tailcfg.MapResponse{ControlTime: is.ControlTime}, false
	if text(was.Node) != text(is.Node) {
		d.Node, some = is.Node, true
	}
	nodes := map[tailcfg.NodeID]string{}
	for _, n := range was.Peers {
		nodes[n.ID] = text(n)
	}
	for _, n := range is.Peers {
		if nodes[n.ID] != text(n) {
			d.PeersChanged, some = append(d.PeersChanged, n), true
		}
		delete(nodes, n.ID)
	}
	if len(nodes) > 0 {
		d.PeersRemoved, some = slices.Sorted(maps.Keys(nodes)), true
	}
	profiles := map[tailcfg.UserID]string{}
	for _, p := range was.UserProfiles {
		profiles[p.ID] = text(p)
	}
	for _, p := range is.UserProfiles {
		if profiles[p.ID] != text(p) {
			d.UserProfiles, some = append(d.UserProfiles, p), true
		}
	}
	if text(was.PacketFilter) != text(is.PacketFilter) {
		d.PacketFilter, some = is.PacketFilter, true
	}
	if !some {
		return nil
	}
	return d
}

// text makes two of the same kind comparable.
func text(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// fake makes a peer that nobody runs. It has a Hostinfo because every real node has, and the nodes
// read it without looking.
func (c *control) fake(name string, id tailcfg.NodeID, user tailcfg.UserID, addresses []netip.Addr) *tailcfg.Node {
	n := &tailcfg.Node{
		ID: id, StableID: tailcfg.StableNodeID(fmt.Sprintf("nFAKE%dCNTRL", id)),
		Name: name + ".tail-scale.ts.net.", User: user, MachineAuthorized: true, Created: c.born,
		Key: key.NewNode().Public(), Machine: key.NewMachine().Public(), DiscoKey: key.NewDisco().Public(),
		Hostinfo: (&tailcfg.Hostinfo{Hostname: name, OS: "linux"}).View(),
	}
	for _, address := range addresses {
		n.Addresses = append(n.Addresses, netip.PrefixFrom(address, address.BitLen()))
	}
	n.AllowedIPs = n.Addresses
	return n
}
