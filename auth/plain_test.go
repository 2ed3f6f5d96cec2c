package auth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/smtp"
	"vodmr/test/kit/dialogue"
)

func TestSplitPlain(t *testing.T) {
	odmr := Credentials{Login: "odmr@example.org", Secret: "tan staaf"}
	for _, test := range []struct {
		response, problem string
	}{
		{"\x00odmr@example.org\x00tan staaf", ""},
		{"odmr@example.org\x00odmr@example.org\x00tan staaf", ""},
		{"postmaster@example.org\x00odmr@example.org\x00tan staaf", "refused: the login may not act as postmaster@example.org"},
		{"ODMR@example.org\x00odmr@example.org\x00tan staaf", "refused: *"},
		{"", "501 5.5.2 *"},
		{"odmr@example.org", "501 5.5.2 *"},
		{"odmr@example.org\x00tan staaf", "501 5.5.2 *"},
		{"\x00odmr@example.org\x00tan staaf\x00", "501 5.5.2 *"},
		{"\x00odmr@example.org\x00response\x00<old@challenge>", "501 5.5.2 *"},
		{"\x00\x00tan staaf", "501 5.5.2 *"},
		{"\x00odmr@example.org\x00", "501 5.5.2 *"},
		{"\x00\x00", "501 5.5.2 *"},
		{"odmr@example.org\x00\x00tan staaf", "501 5.5.2 *"},
		{"\x00odmr@example.org\r\x00tan staaf", "501 5.5.2 *"},
		{"\x00odmr@example.org\x00tan\nstaaf", "501 5.5.2 *"},
		{"x\r\n\x00odmr@example.org\x00tan staaf", "501 5.5.2 *"},
	} {
		got, err := splitPlain(test.response)
		switch {
		case test.problem == "" && (err != nil || got != odmr):
			t.Errorf("%q: got %+v, %v", test.response, got, err)
		case test.problem != "" && (err == nil || !dialogue.Match(test.problem, err.Error())):
			t.Errorf("%q: got %+v, %v, want %s", test.response, got, err, test.problem)
		}
	}
}

// Whatever the login and the password are, a checkpassword program gets them in
// the first two fields and an empty third.
func TestPlainReachesDescriptor3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		login := rapid.StringMatching(`[^\x00\r\n]{1,80}`).Draw(t, "login")
		secret := rapid.StringMatching(`[^\x00\r\n]{1,80}`).Draw(t, "password")
		c, err := splitPlain("\x00" + login + "\x00" + secret)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(c.Bytes()), login+"\x00"+secret+"\x00\x00"; got != want {
			t.Fatalf("descriptor 3 would hold %q, want %q", got, want)
		}
	})
}

// whole runs an exchange with a client that answers each challenge.
func whole(m Mechanism, initial string, answers ...string) (said string, c Credentials, err error) {
	stream := &turns{answers: answers}
	client := Client{Server: smtp.NewServer(stream), Pending: func() bool { return false }}
	c, err = m.Exchange(client, initial)
	return stream.out.String(), c, err
}

// turns is a stream that brings a line only when it is asked.
type turns struct {
	script
	answers []string
	rest    string
}

func (s *turns) Read(p []byte) (int, error) {
	if s.rest == "" && len(s.answers) > 0 {
		s.rest, s.answers = s.answers[0]+"\r\n", s.answers[1:]
	}
	s.in = strings.NewReader(s.rest)
	n, err := s.in.Read(p)
	s.rest = s.rest[n:]
	return n, err
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestPlainPasswords(t *testing.T) {
	const (
		user = "334 VXNlcm5hbWU6\r\n" // Username:
		word = "334 UGFzc3dvcmQ6\r\n" // Password:
	)
	tim := Credentials{Login: "tim", Secret: "tan staaf"}
	for _, test := range []struct {
		name      string
		mechanism Mechanism
		initial   string
		answers   []string
		said      string
		want      Credentials
		problem   string
	}{
		{"with the command", Plain(), b64("\x00tim\x00tan staaf"), nil, "", tim, ""},
		{"after the challenge", Plain(), "", []string{b64("\x00tim\x00tan staaf")}, "334 \r\n", tim, ""},
		{"empty with the command", Plain(), "=", nil, "", Credentials{}, "501 5.5.2 *"},
		{"cancelled", Plain(), "", []string{"*"}, "334 \r\n", Credentials{}, "501 5.0.0 *"},
		{"no base64 with the command", Plain(), "!", nil, "", Credentials{}, "501 5.5.2 *"},
		{"two words with the command", Plain(), "dGlt dGlt", nil, "", Credentials{}, "501 5.5.2 *"},
		{"no base64", Plain(), "", []string{"="}, "334 \r\n", Credentials{}, "501 5.5.2 *"},

		{"both prompts", Login(), "", []string{b64("tim"), b64("tan staaf")}, user + word, tim, ""},
		{"user name with the command", Login(), b64("tim"), []string{b64("tan staaf")}, word, tim, ""},
		{"no user name", Login(), "=", []string{b64("tan staaf")}, word, Credentials{}, "501 5.5.2 *"},
		{"no password", Login(), b64("tim"), []string{""}, word, Credentials{}, "501 5.5.2 *"},
		{"cancelled at once", Login(), "", []string{"*"}, user, Credentials{}, "501 5.0.0 *"},
		{"cancelled late", Login(), "", []string{b64("tim"), "*"}, user + word, Credentials{}, "501 5.0.0 *"},
		{"NUL in the user name", Login(), b64("tim\x00x"), []string{b64("y")}, word, Credentials{}, "501 5.5.2 *"},
		{"NUL in the password", Login(), b64("tim"), []string{b64("x\x00<y>")}, word, Credentials{}, "501 5.5.2 *"},
		{"LF in the password", Login(), b64("tim"), []string{b64("x\n")}, word, Credentials{}, "501 5.5.2 *"},
	} {
		t.Run(test.mechanism.Name+" "+test.name, func(t *testing.T) {
			said, got, err := whole(test.mechanism, test.initial, test.answers...)
			if said != test.said {
				t.Errorf("said %q, want %q", said, test.said)
			}
			if test.problem == "" && err != nil || test.problem != "" && (err == nil || !dialogue.Match(test.problem, err.Error())) {
				t.Errorf("got %v, want %q", err, test.problem)
			}
			if err == nil && got != test.want {
				t.Error(cmp.Diff(test.want, got))
			}
		})
	}
}

// A client that sends the password with the user name has not waited.
func TestLoginEarlyBytes(t *testing.T) {
	stream := &script{in: strings.NewReader("dGlt\r\ndGlt\r\n")}
	client := Client{Server: smtp.NewServer(stream), Pending: func() bool { return false }}
	if _, err := Login().Exchange(client, ""); !errors.Is(err, ErrEarly) {
		t.Errorf("got %v, want that it spoke early", err)
	}
}
