package auth

import (
	"fmt"
	"strings"
)

// Plain is the mechanism of RFC 4616: authorization identity, login and password
// in one response.
func Plain() Mechanism {
	return Mechanism{Name: "PLAIN", Clear: true, Exchange: func(client Client, initial string) (Credentials, error) {
		response, err := client.First(initial, "")
		if err != nil {
			return Credentials{}, err
		}
		return splitPlain(response)
	}}
}

// splitPlain takes apart `[authzid] NUL authcid NUL passwd` (RFC 4616 section
// 2). Nobody may act for another: an authzid is empty or the login.
func splitPlain(response string) (Credentials, error) {
	fields := strings.Split(response, "\x00")
	if len(fields) != 3 || !clean(fields[0]) {
		return Credentials{}, ReplyBadResponse()
	}
	c, err := password(fields[1], fields[2])
	if authzid := fields[0]; err == nil && authzid != "" && authzid != c.Login {
		return c, fmt.Errorf("%w: the login may not act as %s", ErrRefused, authzid)
	}
	return c, err
}

// Login is the mechanism LOGIN, which some clients have in place of PLAIN
// (draft-murchison-sasl-login): user name and password in a response each.
func Login() Mechanism {
	return Mechanism{Name: "LOGIN", Clear: true, Exchange: func(client Client, initial string) (Credentials, error) {
		login, err := client.First(initial, "Username:")
		if err != nil {
			return Credentials{}, err
		}
		secret, err := client.Ask("Password:")
		if err != nil {
			return Credentials{}, err
		}
		return password(login, secret)
	}}
}

// password makes credentials of a plain password. Neither field may be empty
// (RFC 4616 section 2): some directories take an empty password for no login at
// all, and say yes.
func password(login, secret string) (Credentials, error) {
	if login == "" || secret == "" || !clean(login) || !clean(secret) {
		return Credentials{}, ReplyBadResponse()
	}
	return Credentials{Login: login, Secret: secret}, nil
}
