package keeper

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/keyhash"
	"vodmr/internal/ucspi"
	"vodmr/internal/verdict"
)

// A Program is a checkpassword program and what it runs after a right password.
type Program struct {
	Argv    []string // the program first
	Environ []string // NAME=value, as vodmr got it
	Host    string   // handed down as VODMR_HOST
	Session string   // handed down as VODMR_SESSION
	Port    string   // handed down as TCPLOCALPORT; "" leaves that alone

	Account *confine.User // that the program runs as; nil for the present user
}

// DefaultPort is the Port for vchkpw, which checks CRAM-MD5 only on SMTP's ports: 587 is
// the one for customers.
const DefaultPort = 587

const (
	// credentialsFD is the descriptor from which a checkpassword program reads.
	credentialsFD = 3
	// answerFD is the next one, on which a program writes its verdict.
	answerFD = 4
)

// filledPipe returns the read end of a pipe that holds data, which is no more
// than any pipe takes without blocking.
func filledPipe(data []byte) (int, error) {
	r, w, err := fdio.Pipe()
	if err != nil {
		return -1, err
	}
	defer unix.Close(w)
	if err := fdio.WriteAll(w, data); err != nil {
		unix.Close(r)
		return -1, fmt.Errorf("pipe: %w", err)
	}
	return r, nil
}

// dropped reports if the program must not get a variable from outside: the account that
// the customer has, and TLS descriptors that are not the program's.
func dropped(name string) bool {
	switch name {
	case "VPOPUSER", "USER", "HOME", "SHELL", auth.ExternalVariable:
		return true
	}
	return ucspi.IsDescriptor(name)
}

// environ returns the environment for the program. Go's runtime in vodmr-relay gets one
// processor, unless the administrator chose: vodmr-relay does one thing at a time, and
// more would only cost threads, each time that it starts and as long as it waits.
//
// talker is the process that waits for the answer and then ends: vodmr-relay reaps it.
// external is the hash of the key for AUTH EXTERNAL, empty for any other login.
func (p Program) environ(talker int, external string) []string {
	set := []string{
		"VODMR_HOST=" + p.Host, "VODMR_SESSION=" + p.Session,
		verdict.Variable + "=" + strconv.Itoa(answerFD), "VODMR_TALKER=" + strconv.Itoa(talker),
	}
	if p.Port != "" {
		set = append(set, "TCPLOCALPORT="+p.Port)
	}
	if value(p.Environ, "GOMAXPROCS") == "" {
		set = append(set, "GOMAXPROCS=1")
	}
	if external != "" {
		set = append(set, auth.ExternalVariable+"="+external)
	}
	env := slices.DeleteFunc(slices.Clone(p.Environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return dropped(name) || value(set, name) != ""
	})
	return append(env, set...)
}

// ourProgram is the name of the only checkpassword program that knows AUTH EXTERNAL, and that
// says a verdict for each login. To any other one a login by EXTERNAL would come with an empty
// password, which some directories take.
const ourProgram = "vodmr-checkpw"

func (p Program) isOurs() bool { return path.Base(p.Argv[0]) == ourProgram }

// External returns the hash of the public key that the customer has shown in the TLS
// handshake, as auth.ExternalVariable has it. It is empty if there is none, and if the
// program would not understand it.
func (p Program) External() string {
	key, err := keyhash.Parse(keyhash.Prefix + value(p.Environ, ucspi.ClientKey))
	if err != nil || value(p.Environ, "SSL_PROTOCOL") == "" || !p.isOurs() {
		return ""
	}
	return key.String()
}

// value returns a variable of an environment, "" if it is not set.
func value(env []string, name string) string {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}
