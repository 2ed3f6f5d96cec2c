package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"

	"vodmr/auth"
	"vodmr/auth/keeper"
	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/logline"
	"vodmr/internal/nets"
	"vodmr/internal/rights"
	"vodmr/internal/ucspi"
)

// talk is the process that speaks with the customer, without any rights.
func talk(o flags) int {
	log := logline.New(2, "vodmr", logline.Session())
	ip := os.Getenv("TCPREMOTEIP")
	quiet, err := quietNets()
	if err == nil {
		err = giveUpRights(o.account)
	}
	if err == nil {
		err = rights.Rights{}.Keep()
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
	s.Check = desk.Check
	if offered {
		s.Offer = desk
	}
	s.Serve()
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

// The usual accounts of the talker. The second is there on each system, but other programs
// may run as it too.
const (
	talkerAccount   = "vodmr"
	fallbackAccount = "nobody"
)

// giveUpRights makes this process an account that owns nothing. Without root's rights it
// stays who it is.
func giveUpRights(name string) error {
	if name == "" && os.Geteuid() == 0 {
		name = talkerAccount
		if _, err := confine.LookUp(name); errors.As(err, new(user.UnknownUserError)) {
			name = fallbackAccount
		}
	}
	account, err := confine.LookUp(name)
	if err != nil {
		return err
	}
	if account != nil && account.UID == 0 {
		return fmt.Errorf("account %s is root: -u needs one that owns nothing", name)
	}
	return account.Enter()
}
