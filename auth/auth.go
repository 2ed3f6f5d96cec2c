// Package auth finds out who a client is: the SASL exchanges of SMTP AUTH (RFC
// 4954) on a server's lines, and the running of a checkpassword program that
// decides. It knows no passwords itself and opens no files.
package auth

import (
	"encoding/base64"
	"errors"
	"strings"

	"vodmr/smtp"
)

// Credentials are what a client claimed: the three fields that a checkpassword
// program reads from descriptor 3.
type Credentials struct {
	Login     string
	Secret    string // a password, or the response to Challenge
	Challenge string // empty for a plain password
	External  bool   // TLS knows the client, and only the login is sent: AUTH EXTERNAL
}

// ExternalVariable is the environment variable by which a checkpassword program gets the
// hash of the client's public key in place of a secret (internal/keyhash has its form).
// It is set for AUTH EXTERNAL alone.
const ExternalVariable = "VODMR_EXTERNAL"

const (
	// keptByVchkpw is how many bytes vchkpw keeps of descriptor 3, NULs counted:
	// with more a right password comes back as a wrong one.
	keptByVchkpw = 155

	// MaxCredentials is how many bytes checkpassword itself takes, and other
	// programs with it, vodmr-checkpw for one.
	MaxCredentials = 512
)

// Fits reports if vchkpw would read these credentials whole.
func (c Credentials) Fits() bool { return len(c.Bytes()) <= keptByVchkpw }

// TooLong reports if no checkpassword program would read them whole.
func (c Credentials) TooLong() bool { return len(c.Bytes()) > MaxCredentials }

// Bytes returns the credentials as descriptor 3 carries them.
func (c Credentials) Bytes() []byte {
	return []byte(c.Login + "\x00" + c.Secret + "\x00" + c.Challenge + "\x00")
}

// ErrRefused is wrapped by the error about a login that was refused for good.
var ErrRefused = errors.New("refused")

// A Mechanism is one way to log in.
type Mechanism struct {
	// Name is the mechanism's SASL name in upper case.
	Name string

	// Clear is set if the client sends the password itself: then the
	// mechanism is for connections inside TLS only (RFC 4954 section 4).
	Clear bool

	// Certificate is set if the mechanism relies on the client's certificate.
	Certificate bool

	// Exchange asks the client for its credentials. initial is what followed
	// the name in the AUTH command: empty for nothing, "=" for an empty initial
	// response. An error that is or wraps a smtp.Reply refuses the exchange and
	// the session goes on. One that wraps ErrRefused comes with the login and
	// counts as a wrong password. Any other error ends the session.
	Exchange func(client Client, initial string) (Credentials, error)
}

// Names returns the names of mechanisms, as EHLO lists them after AUTH.
func Names(mechanisms []Mechanism) string {
	var names []string
	for _, m := range mechanisms {
		names = append(names, m.Name)
	}
	return strings.Join(names, " ")
}

// ErrEarly is returned if the client spoke before the reply that it should
// have waited for. The bytes may have been injected before TLS or by another
// party, so the session must end.
var ErrEarly = errors.New("bytes before the reply")

// A Client is the other end of an exchange.
type Client struct {
	Server  *smtp.Server
	Pending func() bool // whether unread bytes wait on the connection
}

// SpokeEarly reports if the client sent bytes that nobody has asked for yet.
func (c Client) SpokeEarly() bool {
	return c.Server.Lines.Buffered() > 0 || c.Pending()
}

// Ask sends a challenge and returns the client's response, both decoded.
func (c Client) Ask(challenge string) (string, error) {
	if c.SpokeEarly() {
		return "", ErrEarly
	}
	c.Server.Say(replyChallenge(challenge))
	line, err := c.Server.ReadLine()
	if err != nil {
		return "", err
	}
	return decode(string(line))
}

// First returns the client's first response if the client speaks first: the text that
// came with the command or, if there was none, the answer to a challenge.
func (c Client) First(initial, challenge string) (string, error) {
	switch initial {
	case "":
		return c.Ask(challenge)
	case "=":
		return "", nil
	}
	return decode(initial)
}

// decode takes a response out of its base64 (RFC 4954 section 4). Some clients leave
// blanks or tabs behind it, which change nothing. Go's decoder would skip a CR, which
// no response may hold.
func decode(line string) (string, error) {
	line = strings.TrimRight(line, " \t")
	if line == "*" {
		return "", ReplyCancelled()
	}
	response, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || strings.Contains(line, "\r") {
		return "", ReplyBadBase64()
	}
	return string(response), nil
}

// clean reports if a field may go to descriptor 3. A NUL would end it early
// and let the rest pass for the fields behind it, such as a challenge and a
// response that somebody overheard.
func clean(field string) bool { return !strings.ContainsAny(field, "\x00\r\n") }
