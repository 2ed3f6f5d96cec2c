package main

import (
	"fmt"

	"vodmr/fetch"
)

// onlyKey reports if there is nothing but -K: then its hash is asked for.
func (raw *rawOptions) onlyKey() bool {
	return raw.keyfile != "" && len(raw.args) == 0 && raw.dial == "" && raw.invitation == "" &&
		raw.server == "" && raw.maildir == "" && raw.login == ""
}

// showKey is for people, and for scripts: the hash alone stands on standard output.
func (raw *rawOptions) showKey() (*flags, error) {
	key, err := raw.readKey()
	if err != nil {
		return nil, err
	}
	return &flags{show: key.Hash.String() + "\n"}, nil
}

// readKey reads the file of -K, and makes it if there is none. A new key is of no use until
// the provider knows it, so the log says what to do.
func (raw *rawOptions) readKey() (*fetch.Key, error) {
	key, made, err := fetch.ReadOrMakeKey(raw.keyfile)
	if made && err == nil {
		warn(fmt.Errorf("made the key %s: send its hash to the provider, who runs  vodmr-front -k %s LOGIN", raw.keyfile, key.Hash))
	}
	return key, err
}

// key is what to log in by in place of a password: -K, or what stands in the invitation's
// file. Without one, or beside -p, it is nil.
func (raw *rawOptions) key(mode fetch.TLSMode) (*fetch.Key, error) {
	invited := raw.invited
	switch {
	case raw.keyfile != "" && raw.passfile != "":
		return nil, fmt.Errorf("%w: with -K no password is sent: leave -p out", errUsage)
	case raw.passfile != "":
		return nil, nil
	case raw.keyfile == "" && invited.Key == nil && invited.External:
		return nil, fmt.Errorf("%w: the invitation is for a login by a key (external): give -K KEYFILE", errUsage)
	case raw.keyfile == "" && invited.Key == nil:
		return nil, nil
	case mode != fetch.StartTLS && mode != fetch.OnConnect:
		return nil, fmt.Errorf("%w: a login by a key needs TLS: say -T starttls or -T tls", errUsage)
	case raw.keyfile != "" && raw.login == "" && invited.Login.User == "":
		return nil, fmt.Errorf("%w: -K is the key of a login: give -u, or an invitation with -f", errUsage)
	case raw.keyfile != "":
		return raw.readKey()
	}
	return invited.Key, nil
}
