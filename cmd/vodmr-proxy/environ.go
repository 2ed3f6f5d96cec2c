package main

import (
	"slices"
	"strconv"
	"strings"

	"vodmr/internal/proxyheader"
	"vodmr/internal/ucspi"
)

// environment returns the next program's environment. peer is the balancer. Variables about
// TLS from outside are taken out: only the balancer's header says it, or vodmr-tls behind this
// program. If the header names no customer, tcpserver's variables about the connection stay.
func environment(environ []string, h proxyheader.Header, peer string) []string {
	env := slices.DeleteFunc(ucspi.CleanEnviron(environ), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return name == balancerVariable || h.Customer.IsValid() && isOfConnection(name)
	})
	if !h.Customer.IsValid() {
		return env
	}
	protocol := "TCP"
	if h.Customer.Addr().Is6() {
		protocol = "TCP6"
	}
	env = append(env, "PROTO="+protocol,
		"TCPREMOTEIP="+h.Customer.Addr().String(), "TCPREMOTEPORT="+strconv.Itoa(int(h.Customer.Port())),
		"TCPLOCALIP="+h.Server.Addr().String(), "TCPLOCALPORT="+strconv.Itoa(int(h.Server.Port())),
		balancerVariable+"="+peer)
	if h.TLS != "" {
		env = append(env, "SSL_PROTOCOL="+h.TLS)
	}
	return env
}

// balancerVariable tells vodmr, which may trust the way from the balancer (-P).
const balancerVariable = "VODMR_BALANCER"

// isOfConnection reports if tcpserver says by this variable between which addresses and
// names the connection is: tcp-environ(5).
func isOfConnection(name string) bool {
	return name == "PROTO" || strings.HasPrefix(name, "TCPREMOTE") || strings.HasPrefix(name, "TCPLOCAL")
}
