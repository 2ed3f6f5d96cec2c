package main

import (
	"fmt"

	"vodmr/fetch"
)

// security is how TLS is to be done with this provider. If the options would leave the
// user less safe than they sound, they are refused.
func (raw *rawOptions) security(provider fetch.Provider) (fetch.TLS, error) {
	tls, err := raw.trust()
	if err != nil {
		return tls, err
	}
	if tcp, ok := provider.(fetch.TCP); ok {
		tls.Host = tcp.Address.Host
	}
	given := raw.cafile != "" || raw.pin != ""
	must := tls.Mode == fetch.StartTLS || tls.Mode == fetch.OnConnect
	switch {
	case given && !must && raw.tls == "":
		return tls, fmt.Errorf("%w: -e goes without TLS: for -C and -F say -T starttls or -T tls", errUsage)
	case given && !must:
		return tls, fmt.Errorf("%w: -C and -F mean nothing with -T %s", errUsage, raw.tls)
	case must && tls.Host == "" && tls.Pin == nil:
		return tls, fmt.Errorf("%w: -e names no host for the certificate: say with -F which one is right", errUsage)
	}
	if !must {
		tls.Pin = nil // the invitation's
	}
	return tls, nil
}

// trust takes -T, -C and -F, and the invitation's pin if neither -C nor -F is there. A
// command, such as ssh, mostly has its own encryption; and only a pin tells what is
// behind it.
func (raw *rawOptions) trust() (tls fetch.TLS, err error) {
	if raw.tls != "" {
		if tls.Mode, err = fetch.ParseTLSMode(raw.tls); err != nil {
			return tls, err
		}
	} else if raw.dial != "" && raw.invited.Pin == nil {
		tls.Mode = fetch.NoTLS
	}
	if raw.cafile != "" && raw.pin != "" {
		return tls, fmt.Errorf("%w: by -F no CA is asked: give -C or -F", errUsage)
	}
	if raw.cafile != "" {
		if tls.Roots, err = fetch.ReadRoots(raw.cafile); err != nil {
			return tls, err
		}
	}
	if raw.pin != "" {
		pin, err := fetch.ParsePin(raw.pin)
		if err != nil {
			return tls, err
		}
		tls.Pin = &pin
	} else if raw.cafile == "" {
		tls.Pin = raw.invited.Pin
	}
	return tls, nil
}
