package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"vodmr/auth"
	"vodmr/auth/keeper"
	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/ucspi"
)

// keep is the process that tcpserver started: it starts the talker and does what that
// asks.
func keep(o flags, args, environ []string) int {
	// The starter may have left open a lock or a log, which are not for a program that
	// strangers speak to. A program gets 0, 1, 2 and what is made for it.
	fdio.CloseOnExec(3)
	keeper.Reserve()
	fdio.KeepAlive(0)
	fdio.UserTimeout(0) // up to the login the customer only reads replies
	session := logline.Session()
	log, ip := logline.New(2, "vodmr", session), os.Getenv("TCPREMOTEIP")
	who, err := findAccounts(o)
	if err != nil {
		log.Event("error", logline.F("ip", ip), logline.Err(err))
		return child.ExitTemporary
	}
	wrapper := keeper.FindWrapper(os.Getenv)
	if wrapper != nil {
		// TLS is still to begin, so no word about it can be true.
		environ = slices.DeleteFunc(environ, ucspi.IsVariable)
	}
	k := keeper.Keeper{
		Program: keeper.Program{Argv: o.prog, Environ: environ, Host: o.host, Session: session, Port: portOf(o), Account: who.program},
		Wrapper: wrapper,
		Until:   time.Now().Add(o.limit),
		IP:      ip,
		Log:     log,
	}
	known := talkersEnvironment(session, wrapper != nil, k.Program.External() != "")
	return k.Serve(args, append(known, talkerVariable+"="+who.talker.Encode()))
}

// portOf is TCPLOCALPORT for the checkpassword program; empty leaves it alone.
func portOf(o flags) string {
	if o.port == 0 {
		return ""
	}
	return strconv.Itoa(o.port)
}

// talkersEnvironment is all that the talker needs to know. SSLCTLFD only says that there is
// a TLS program: the descriptor is the keeper's. external says that AUTH EXTERNAL works; with
// which key, only the keeper knows.
func talkersEnvironment(session string, offered, external bool) []string {
	env := []string{"VODMR_SESSION=" + session, "GOMAXPROCS=1"}
	names := []string{"TCPREMOTEIP", "VODMR_BALANCER", "VODMR_QUIET"}
	if offered {
		env = append(env, ucspi.Control+"=the keeper's")
	} else {
		names = append(names, "SSL_PROTOCOL")
	}
	if external {
		env = append(env, auth.ExternalVariable+"=the keeper's")
	}
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// identities are the users that vodmr's two processes become.
type identities struct {
	talker  *confine.User // at once; nil for the present user
	program *confine.User // with the checkpassword program; nil for the present user
}

// findAccounts looks up the accounts that the command line names. The talker's must be
// one that strangers may have: neither root, nor the one that the program runs as.
func findAccounts(o flags) (found identities, err error) {
	if found.talker, err = confine.LookUpReader(o.account); err != nil {
		return found, err
	}
	if found.program, err = confine.LookUp(o.progAs); err != nil {
		return found, err
	}
	if found.talker != nil && found.program != nil && found.program.UID == found.talker.UID {
		return found, fmt.Errorf("account %s is that of -U: make the account vodmr, which owns nothing, or name one with -u", found.talker.Name)
	}
	return found, nil
}

// talkerVariable tells the talker its account.
const talkerVariable = "VODMR_TALKER_ACCOUNT"
