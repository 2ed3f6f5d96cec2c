package fetch

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"vodmr/smtp"
)

// A Login is a name and its password.
type Login struct{ User, Password string }

// greeting waits for 220.
func (d *conversation) greeting() error {
	what := "the greeting"
	if _, under := d.conn.(encrypted); !under {
		what += " (a port where TLS begins at once wants -T tls)"
	}
	r, err := d.reply(what, d.timings.Greeting)
	if err != nil {
		return d.noGreeting(err)
	}
	if r.Code != 220 {
		return later(r, "the provider takes no session now: try again later")
	}
	return nil
}

// noGreeting adds who may be the reason if the provider hung up without one byte.
func (d *conversation) noGreeting(err error) error {
	f, is := errors.AsType[*Failure](err)
	if d.heard || !d.closedByPeer || !is {
		return err
	}
	return &Failure{f.Exit, f.Text + "; " + noServerLeft, f.Err}
}

// hello says EHLO and returns the lines of the reply. Those after the first name
// extensions; a server that leaves out its own name begins with one.
func (d *conversation) hello(host string) ([]string, error) {
	r, err := d.command("EHLO "+host, "the reply to EHLO", d.timings.Reply)
	if err != nil {
		return nil, err
	}
	if isUnreadHeader(r) || r.AboutCommand() && d.saysMore() {
		return nil, later(r, unreadHeader)
	}
	if !r.Accepted() {
		return nil, ehloRefused(r)
	}
	return r.Lines, nil
}

// logIn sends the password itself only to a provider that is sure to be the right
// one. There PLAIN is best, as providers may have no password in clear to check
// CRAM-MD5 with.
func (d *conversation) logIn(l Login, ehlo []string) error {
	switch {
	case d.verified && offers(ehlo, "AUTH", "PLAIN"):
		return d.plain(l)
	case offers(ehlo, "AUTH", "CRAM-MD5"):
		return d.cramMD5(l)
	case offers(ehlo, "AUTH", "PLAIN"):
		return later(nil, "the provider offers no CRAM-MD5, and the password itself goes over verified TLS only: use -T starttls or -T tls")
	}
	return later(nil, "the provider offers no CRAM-MD5: is this its ODMR port?")
}

// external logs in by the key (RFC 4422 appendix A), and by nothing else: if somebody took
// the offer away, a weaker login in its place is what they are after.
func (d *conversation) external(l Login, ehlo []string) error {
	if d.key == nil || !d.verified {
		return later(nil, "the login is by a key, and that needs verified TLS: use -T starttls or -T tls")
	}
	if !offers(ehlo, "AUTH", "EXTERNAL") {
		return later(nil, "the provider offers no login by a key (EXTERNAL), and no other one is tried: its vodmr-tls needs -a any, and it must run vodmr-checkpw; `%s' there sees to that", d.key.take(l))
	}
	r, err := d.auth(l, "AUTH EXTERNAL "+base64.StdEncoding.EncodeToString([]byte(l.User)), "the reply to AUTH", 235)
	if r.Code == 535 {
		return loginRefused(r, "the provider does not know the key %s of the login %s: it must run `%s' there", d.key.Hash, l.User, d.key.take(l))
	}
	return err
}

// auth sends a line of a login. A reply with any other code is a failure.
func (d *conversation) auth(l Login, line, what string, code int) (smtp.Reply, error) {
	r, err := d.command(line, what, d.timings.Reply)
	if err == nil && r.Code != code {
		err = authFailure(l, r)
	}
	return r, err
}

// take is the provider's command to take the key.
func (k *Key) take(l Login) string { return "vodmr-front -k " + k.Hash.String() + " " + l.User }

// maxCommand is the longest command line in bytes, CRLF included (RFC 5321
// section 4.5.3.1.4). An initial response must fit in (RFC 4954 section 4).
const maxCommand = 512

// shortSecret is the length in bytes from which a password is blacked out: a shorter one may
// be a part of anything that a provider says.
const shortSecret = 6

// plain does PLAIN (RFC 4616). The provider learns the password, so it may repeat that too.
func (d *conversation) plain(l Login) error {
	answer := base64.StdEncoding.EncodeToString([]byte("\x00" + l.User + "\x00" + l.Password))
	d.secrets = append(d.secrets, answer)
	if len(l.Password) >= shortSecret {
		d.secrets = append(d.secrets, l.Password)
	}
	line := "AUTH PLAIN " + answer
	if len(line)+len("\r\n") > maxCommand {
		if _, err := d.auth(l, "AUTH PLAIN", "the reply to AUTH", 334); err != nil {
			return err
		}
		line = answer
	}
	return d.lastOfLogin(l, line)
}

// cramMD5 does CRAM-MD5 (RFC 2195, RFC 4954), which every provider has (RFC 2645
// section 5.1.2).
func (d *conversation) cramMD5(l Login) error {
	r, err := d.auth(l, "AUTH CRAM-MD5", "the challenge", 334)
	if err != nil {
		return err
	}
	answer, err := proof(l, r.Lines[0])
	if err != nil {
		_, _ = d.command("*", "the reply to the cancelled login", d.timings.Reply)
		return later(err, "the provider's challenge is damaged")
	}
	d.secrets = append(d.secrets, answer)
	return d.lastOfLogin(l, answer)
}

// lastOfLogin sends the line that the provider answers with yes or no.
func (d *conversation) lastOfLogin(l Login, line string) error {
	_, err := d.auth(l, line, "the reply to the login", 235)
	return err
}

// offers looks in the EHLO lines for an extension and a word behind it, if there is one.
// Servers older than RFC 2554 write AUTH=CRAM-MD5, and some put that line, commas or an =
// before each mechanism besides.
func offers(ehlo []string, keyword, word string) bool {
	return slices.ContainsFunc(ehlo, func(line string) bool {
		words := strings.FieldsFunc(strings.ToUpper(line), notInMechanism)
		return len(words) > 0 && words[0] == keyword && (word == "" || slices.Contains(words[1:], word))
	})
}

func notInMechanism(c rune) bool { return c <= ' ' || c == '=' || c == ',' || c == ':' }

// proof is the answer to a challenge of CRAM-MD5.
func proof(l Login, challenge string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		return "", err
	}
	if len(text) == 0 {
		return "", errors.New("it is empty")
	}
	mac := hmac.New(md5.New, []byte(l.Password))
	mac.Write(text)
	answer := l.User + " " + hex.EncodeToString(mac.Sum(nil))
	return base64.StdEncoding.EncodeToString([]byte(answer)), nil
}

// authFailure says what a reply in place of 334 or 235 means.
func authFailure(l Login, r smtp.Reply) error {
	switch {
	case r.Code == 538:
		return loginRefused(r, "the provider takes this login only under encryption: use TLS (-T)")
	case r.Code == 500, r.Code == 502, r.Code == 504:
		return later(r, "the provider does not take the kind of login that it offers: tell the provider")
	case r.Permanent():
		return loginRefused(r, "the provider refused the login %s: check the login and the password", l.User)
	}
	return later(r, "the provider cannot check logins now: try again later")
}
