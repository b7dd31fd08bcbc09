package cli

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// checkAddr refuses a listening address that is not HOST:PORT.
func checkAddr(cmd *cobra.Command, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usage(cmd, "--addr %q: wanted HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:9001", addr)
	}
	return nil
}

// hostOf is the host of an endpoint's URL and its IP address, nil when it is a name.
func hostOf(endpoint string) (*url.URL, net.IP, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, nil, err
	}
	return u, net.ParseIP(u.Hostname()), nil
}

// reachable is the URL under which this computer reaches an endpoint: one that listens at all addresses has none of its own.
func reachable(endpoint string) (string, error) {
	u, ip, err := hostOf(endpoint)
	if err != nil {
		return "", err
	}
	if ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	}
	return u.String(), nil
}

// loopback reports whether an endpoint's URL leads to this computer: "" leads to AWS.
func loopback(endpoint string) bool {
	u, ip, err := hostOf(endpoint)
	if err != nil {
		return false
	}
	if ip != nil {
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// warnOfNetwork says so when others than this computer can reach an endpoint.
func (a *App) warnOfNetwork(endpoint string) error {
	_, ip, err := hostOf(endpoint)
	if err != nil || ip != nil && ip.IsLoopback() {
		return err
	}
	a.say("%s %s is open to the network, and nobody who calls it is asked who he is; --addr 127.0.0.1:0 keeps it to this computer",
		a.paint(red, "warning:"), endpoint)
	return nil
}
