package auth

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"vodmr/smtp"
)

// lineByLine is a Stream that gives one line of the client's at each read, as a
// client does that waits for replies, and keeps what the server says.
type lineByLine struct{ in, out string }

func (s *lineByLine) Read(b []byte) (int, error) {
	if s.in == "" {
		return 0, io.EOF
	}
	n := copy(b, s.in[:strings.IndexByte(s.in, '\n')+1])
	s.in = s.in[n:]
	return n, nil
}

func (s *lineByLine) Write(b []byte) (int, error) {
	s.out += string(b)
	return len(b), nil
}

func (s *lineByLine) SetDeadline(time.Time) error { return nil }

// FuzzExchange: whatever a client says, the credentials that come of it are what
// it said, in three fields that no byte of them can move; the rest is a refusal
// or the end.
func FuzzExchange(f *testing.F) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	const digest = "B913a602c7eda7a495b4e6e7334d3890"
	for _, seed := range []struct {
		mechanism      uint8
		initial, lines string
	}{
		{0, "", encode("odmr@a.example "+digest) + "\r\n"},
		{0, "", encode("two words "+digest) + "\n"},
		{0, "", encode("od\x00mr "+digest) + "\r\n"},
		{0, "", encode("odmr "+digest+"\r") + "\r\n"},
		{0, "=", "*\r\n"},
		{0, "", "*\r\n"},
		{0, "", strings.Repeat("A", 13000) + "\r\n"},
		{1, encode("\x00odmr\x00tan staaf"), ""},
		{1, "", encode("odmr\x00odmr\x00secret") + "\r\n"},
		{1, encode("other\x00odmr\x00secret"), ""},
		{1, encode("\x00odmr\x00response\x00<old@challenge>"), ""},
		{1, "=", ""},
		{1, "AA=", ""},
		{1, encode("\x00odmr\x00p\xff")[:12] + "\r" + "AAAA", ""},
		{2, "", encode("odmr") + "\r\n" + encode("secret") + "\r\n"},
		{2, encode("odmr"), encode("sec\x00ret") + "\r\n"},
		{2, "", encode("odmr") + "\r\n*\r\n"},
		{2, "=", encode("secret") + "\r\nQUIT\r\n"},
	} {
		f.Add(seed.mechanism, seed.initial, seed.lines)
	}
	mechanisms := []Mechanism{CRAMMD5("mail.example.net", func() time.Time { return time.Unix(1795339089, 0) }), Plain(), Login()}
	f.Fuzz(func(t *testing.T, which uint8, initial, lines string) {
		m := mechanisms[int(which)%len(mechanisms)]
		s := &lineByLine{in: lines + "\n"}
		c, err := m.Exchange(Client{Server: smtp.NewServer(s), Pending: func() bool { return false }}, initial)
		var reply smtp.Reply
		switch {
		case errors.As(err, &reply):
			if reply.Code != 501 || c != (Credentials{}) {
				t.Errorf("%s: %+v, %v", m.Name, c, err)
			}
			return
		case err != nil && !errors.Is(err, ErrRefused):
			if err != io.EOF && err != smtp.ErrLineTooLong && err != ErrEarly || c != (Credentials{}) {
				t.Errorf("%s: %+v, %v", m.Name, c, err)
			}
			return
		}
		if fields := strings.Split(string(c.Bytes()), "\x00"); len(fields) != 4 || fields[0] != c.Login || fields[1] != c.Secret ||
			fields[2] != c.Challenge || strings.ContainsAny(string(c.Bytes()), "\r\n") {
			t.Errorf("%s: descriptor 3 would get %q", m.Name, c.Bytes())
		}
		checkSaid(t, m.Name, c, said(initial, lines), err != nil)
		if m.Name == "CRAM-MD5" && s.out != "334 "+encode(c.Challenge)+"\r\n" {
			t.Errorf("challenge %q in %q", c.Challenge, s.out)
		}
	})
}

// said is what the client said, out of its base64.
func said(initial, lines string) (texts []string) {
	words := strings.Split(lines, "\n")
	if initial != "" {
		words = append([]string{strings.TrimPrefix(initial, "=")}, words...)
	}
	for _, word := range append(words, "") {
		text, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(word, "\r"))
		texts = append(texts, string(text))
	}
	return texts
}

// checkSaid puts together what the client must have said for these credentials.
func checkSaid(t *testing.T, mechanism string, c Credentials, said []string, refused bool) {
	ok := false
	switch mechanism {
	case "CRAM-MD5":
		ok = !refused && len(c.Secret) == 32 && c.Secret == strings.ToLower(c.Secret) && c.Challenge != "" &&
			strings.EqualFold(said[0], c.Login+" "+c.Secret) && strings.HasPrefix(said[0], c.Login+" ")
	case "PLAIN":
		authzid, rest, _ := strings.Cut(said[0], "\x00")
		ok = rest == c.Login+"\x00"+c.Secret && refused == (authzid != "" && authzid != c.Login) && c.Challenge == ""
	case "LOGIN":
		ok = !refused && said[0] == c.Login && said[1] == c.Secret && c.Challenge == ""
	}
	if !ok || mechanism != "CRAM-MD5" && (c.Login == "" || c.Secret == "") {
		t.Errorf("%s: %q gave %+v, refused: %v", mechanism, said, c, refused)
	}
}
