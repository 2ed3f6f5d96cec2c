package main

import (
	"errors"
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
		err = giveUpRights()
	}
	if err == nil {
		err = confine.CloseOff()
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
	s.Trusted, s.Quiet = o.trusted.Contain(ip), quiet.Contain(ip)
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
func quietNets() (nets.Nets, error) {
	list := os.Getenv("VODMR_QUIET")
	if list == "" {
		return nil, nil
	}
	quiet, err := nets.Parse(list)
	if err != nil {
		return nil, fmt.Errorf("VODMR_QUIET: %w", err)
	}
	return quiet, nil
}

// giveUpRights makes this process an account that owns nothing. Without root's rights it
// stays who it is.
func giveUpRights() error {
	account, err := decodeAccount(os.Getenv(talkerVariable))
	if err != nil {
		return err
	}
	if account == nil && os.Geteuid() == 0 {
		return errors.New("root talks to nobody: vodmr's first process did not say who to become")
	}
	return account.Enter()
}
