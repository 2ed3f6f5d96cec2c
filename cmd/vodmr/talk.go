package main

import (
	"cmp"
	"fmt"
	"os"

	"vodmr/auth"
	"vodmr/auth/keeper"
	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/nets"
	"vodmr/internal/ucspi"
)

// talk is the process that speaks with the customer, without any rights.
func talk(o flags) int {
	log := logline.New(2, "vodmr", logline.Session())
	ip := os.Getenv("TCPREMOTEIP")
	quiet, err := quietNets()
	if err == nil {
		err = confine.EnterReader(os.Getenv(talkerVariable))
	}
	if err != nil {
		log.Event("error", logline.F("ip", ip), logline.Err(err))
		return child.ExitTemporary
	}
	offered := os.Getenv(ucspi.Control) != ""
	desk := keeper.NewDesk(offered)
	s := auth.NewSession(o.host, desk.Customer())
	s.Limit, s.NeedTLS, s.NoCRAM = o.limit, o.needTLS, o.noCRAM
	s.Log, s.IP = log, ip
	// -P is about the other end of the wire: vodmr-proxy names the balancer, and ip is the
	// customer's behind it.
	s.Trusted = o.trusted.Contain(cmp.Or(os.Getenv("VODMR_BALANCER"), ip))
	s.Quiet = quiet.Contain(ip)
	s.TLS = os.Getenv("SSL_PROTOCOL") != ""
	s.External = s.TLS && os.Getenv(auth.ExternalVariable) != ""
	s.Check = desk.Check
	if offered {
		s.Offer = desk
	}
	if s.Serve() {
		fdio.Linger(1)
	}
	return 0
}

// quietNets reads VODMR_QUIET.
func quietNets() (quiet nets.Nets, err error) {
	if list := os.Getenv("VODMR_QUIET"); list != "" {
		if err = quiet.Add(list); err != nil {
			err = fmt.Errorf("VODMR_QUIET: %w", err)
		}
	}
	return quiet, err
}
