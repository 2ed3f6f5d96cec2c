package auth

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/smtp"
	"vodmr/test/kit/dialogue"
)

func TestChallengeLeavesRoomForTheLogin(t *testing.T) {
	form := regexp.MustCompile(`^<[A-Za-z0-9_-]{16}\.[0-9]+@[a-z.]*>$`)
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z.]{1,300}`).Draw(t, "host")
		challenge, err := newChallenge(host, time.Unix(1795339089, 0))
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(challenge) {
			t.Fatalf("challenge %q", challenge)
		}
		login := strings.Repeat("x", 64)
		if c := (Credentials{Login: login, Secret: strings.Repeat("0", 32), Challenge: challenge}); !c.Fits() {
			t.Fatalf("%d bytes of login do not fit challenge %q", len(login), challenge)
		}
		if len(host) <= 26 && !strings.HasSuffix(challenge, ".1795339089@"+host+">") {
			t.Fatalf("host %q was cut in challenge %q", host, challenge)
		}
	})
}

func TestChallengesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		challenge, err := newChallenge("mail.example.net", time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if seen[challenge] {
			t.Fatalf("challenge %q came twice", challenge)
		}
		seen[challenge] = true
	}
}

// vchkpw keeps 155 bytes of descriptor 3.
func TestFits(t *testing.T) {
	for length, want := range map[int]bool{64: true, 65: false} {
		c := Credentials{Login: strings.Repeat("x", length), Secret: strings.Repeat("0", 32), Challenge: strings.Repeat("c", 56)}
		if got := c.Fits(); got != want || len(c.Bytes()) != length+91 {
			t.Errorf("login of %d bytes: fits %v, want %v, in %d bytes", length, got, want, len(c.Bytes()))
		}
	}
}

func TestSplitCRAMKeepsAnyLogin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		login := rapid.StringMatching(`[^\x00\r\n]{0,80}`).Draw(t, "login")
		digest := rapid.StringMatching(`[0-9a-fA-F]{32}`).Draw(t, "digest")
		got, err := splitCRAM(login+" "+digest, "<c>")
		if err != nil {
			t.Fatal(err)
		}
		want := Credentials{Login: login, Secret: strings.ToLower(digest), Challenge: "<c>"}
		if got != want {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}

func TestSplitCRAMRefuses(t *testing.T) {
	const digest = "b913a602c7eda7a495b4e6e7334d3890"
	for _, response := range []string{
		"",
		"tim",
		"tim ",
		digest,
		"tim " + digest[1:],
		"tim " + digest + "0",
		"tim " + digest[1:] + "g",
		"tim " + digest + " ",
		"tim\x00" + digest + "\x00<old> " + digest,
		"tim\r " + digest,
		"tim\n " + digest,
		"tim " + digest[2:] + "\x00\n",
	} {
		if got, err := splitCRAM(response, "<c>"); err == nil {
			t.Errorf("%q gave %+v", response, got)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct{ line, want, reply string }{
		{"dGlt", "tim", ""},
		{"", "", ""},
		{"*", "", "501 5.0.0 *"},
		{"dGlt\rdGlt", "", "501 5.5.2 *"},
		{"dGl", "", "501 5.5.2 *"},
		{"dGl=", "tim"[:2], "501 5.5.2 *"}, // bits left over
		{"dG\x00lt", "", "501 5.5.2 *"},
		{"=", "", "501 5.5.2 *"},
		{"dGlt ", "tim", ""},
		{"dGlt \t \t", "tim", ""},
		{" \t", "", ""},
		{"*\t", "", "501 5.0.0 *"},
		{" dGlt", "", "501 5.5.2 *"},
		{"dG lt", "", "501 5.5.2 *"},
		{"dG\tlt ", "", "501 5.5.2 *"},
		{"dGlt\v", "", "501 5.5.2 *"},
	} {
		got, err := decode(test.line)
		if test.reply == "" && (err != nil || got != test.want) {
			t.Errorf("%q: got %q, %v", test.line, got, err)
		}
		if test.reply != "" && (err == nil || !dialogue.Match(test.reply, err.Error())) {
			t.Errorf("%q: got %q, %v, want %s", test.line, got, err, test.reply)
		}
	}
}

// exchange runs CRAM-MD5 with a client that sends lines and says what pends.
func exchange(initial, lines string, pending bool) (said string, c Credentials, err error) {
	stream := &script{in: strings.NewReader(lines)}
	client := Client{Server: smtp.NewServer(stream), Pending: func() bool { return pending }}
	now := func() time.Time { return time.Unix(1795339089, 0) }
	c, err = CRAMMD5("mail.example.net", now).Exchange(client, initial)
	return stream.out.String(), c, err
}

// A script is a stream that brings everything at once.
type script struct {
	in  *strings.Reader
	out strings.Builder
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) SetDeadline(time.Time) error { return nil }

func TestExchange(t *testing.T) {
	response := base64.StdEncoding.EncodeToString([]byte("Tim T. B913A602C7EDA7A495B4E6E7334D3890"))
	said, c, err := exchange("", response+"\r\n", false)
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := base64.StdEncoding.DecodeString(said[len("334 ") : len(said)-len("\r\n")])
	if err != nil || !dialogue.Match("<*.1795339089@mail.example.net>", string(challenge)) {
		t.Errorf("said %q", said)
	}
	want := Credentials{Login: "Tim T.", Secret: "b913a602c7eda7a495b4e6e7334d3890", Challenge: string(challenge)}
	if c != want {
		t.Error(cmp.Diff(want, c))
	}
}

func TestExchangeTakesNoInitialResponse(t *testing.T) {
	for _, initial := range []string{"=", "dGlt"} {
		said, _, err := exchange(initial, "", false)
		var reply smtp.Reply
		if !errors.As(err, &reply) || reply.Code != 501 || said != "" {
			t.Errorf("%q: said %q, %v", initial, said, err)
		}
	}
}

// Nothing is asked of a client that has already spoken.
func TestExchangeEarlyBytes(t *testing.T) {
	said, _, err := exchange("", "dGlt\r\n", true)
	if !errors.Is(err, ErrEarly) || said != "" {
		t.Errorf("said %q, %v", said, err)
	}
}
