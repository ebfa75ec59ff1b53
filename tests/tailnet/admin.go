package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"tailscale.com/ipn"
	"tailscale.com/tailcfg"
)

// wish is one request of a test: its parameters and its body, which is JSON or empty.
type wish struct {
	*http.Request
	body []byte
}

// serveAdmin takes the tests' wishes on a unix socket, which is there once all nodes are Running. A
// change of the tailnet is answered when the control server has it; the nodes have it some milliseconds
// later, and the LocalAPI says when.
func (t *tailnet) serveAdmin(path string) error {
	mux := http.NewServeMux()
	for pattern, grant := range t.wishes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			var answer any = struct{}{}
			if err == nil {
				answer, err = grant(wish{r, body})
			}
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				answer = map[string]string{"error": err.Error()}
			}
			json.NewEncoder(w).Encode(answer)
		})
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go http.Serve(l, mux)
	return nil
}

// wishes is all that can be asked for; README.md has an example of each.
func (t *tailnet) wishes() map[string]func(wish) (any, error) {
	c := t.control
	// What is done and has nothing to say.
	done := func(do func(w wish) error) func(wish) (any, error) {
		return func(w wish) (any, error) { return struct{}{}, do(w) }
	}
	changed := func(do func(w wish) error) func(wish) (any, error) {
		return done(func(w wish) error { return c.change(func() error { return do(w) }) })
	}
	removed := func(removed bool) func(wish) (any, error) {
		return changed(func(w wish) error {
			name := w.FormValue("name")
			_, err := c.find(name)
			if err == nil {
				c.removed[name] = removed
			}
			return err
		})
	}

	return map[string]func(wish) (any, error){
		"GET /nodes": func(wish) (any, error) {
			nodes := map[string][]netip.Addr{}
			for _, n := range c.server.AllNodes() {
				for _, prefix := range n.Addresses {
					nodes[n.Hostinfo.Hostname()] = append(nodes[n.Hostinfo.Hostname()], prefix.Addr())
				}
			}
			return nodes, nil
		},
		"POST /join": done(func(w wish) error { return t.join(w.Context(), w.FormValue("name")) }),

		// What the control server tells.
		"POST /grants": changed(func(w wish) error {
			c.grants = nil
			return json.Unmarshal(w.body, &c.grants)
		}),
		"POST /node": changed(func(w wish) error {
			name := w.FormValue("name")
			n, err := c.find(name)
			if err != nil {
				return err
			}
			if _, err = merge(n, w.body); err == nil {
				c.changes[name] = w.body
			}
			return err
		}),
		"POST /user": changed(func(w wish) error {
			var profile tailcfg.UserProfile
			err := json.Unmarshal(w.body, &profile)
			if err == nil {
				c.users[profile.ID] = profile
			}
			return err
		}),
		"POST /remove":  removed(true),
		"POST /restore": removed(false),
		"POST /fake": changed(func(w wish) error {
			var peer struct {
				ID        tailcfg.NodeID
				User      tailcfg.UserID
				Addresses []netip.Addr
			}
			err := json.Unmarshal(w.body, &peer)
			if err == nil {
				name := w.FormValue("name")
				c.fakes[name] = c.fake(name, peer.ID, peer.User, peer.Addresses)
			}
			return err
		}),
		"POST /control": done(func(w wish) error {
			cut, err := strconv.ParseBool(w.FormValue("cut"))
			if err == nil {
				c.listener.set(cut)
			}
			return err
		}),

		// What a node does.
		"POST /want": done(func(w wish) error {
			n, err := t.node(w.FormValue("name"))
			if err != nil {
				return err
			}
			running, err := strconv.ParseBool(w.FormValue("running"))
			if err != nil {
				return err
			}
			prefs := &ipn.MaskedPrefs{Prefs: ipn.Prefs{WantRunning: running}, WantRunningSet: true}
			_, err = n.local.EditPrefs(w.Context(), prefs)
			return err
		}),
		"POST /logout": done(func(w wish) error {
			n, err := t.node(w.FormValue("name"))
			if err != nil {
				return err
			}
			return n.local.Logout(w.Context())
		}),
		"POST /serve": done(func(w wish) error {
			n, err := t.node(w.FormValue("name"))
			if err != nil {
				return err
			}
			port, err := strconv.ParseUint(w.FormValue("port"), 10, 16)
			if err != nil {
				return err
			}
			version, err := strconv.Atoi(w.FormValue("proxy"))
			if err != nil {
				return err
			}
			return n.serve(w.Context(), uint16(port), w.FormValue("to"), version)
		}),
		"POST /carry": func(w wish) (any, error) {
			n, err := t.node(w.FormValue("name"))
			if err != nil {
				return nil, err
			}
			return n.carry(w.FormValue("to"))
		},

		// How the LocalAPI fails.
		"POST /api": done(func(w wish) error {
			if t.gate == nil {
				return errors.New("the node is a real daemon: ask for /daemon")
			}
			return t.gate.set(w.FormValue("mode"))
		}),
		"POST /daemon": done(func(w wish) error {
			if t.daemon == nil {
				return errors.New("the node is no daemon: ask for /api, or start with -daemon")
			}
			return t.daemon.do(w.FormValue("do"))
		}),
	}
}
