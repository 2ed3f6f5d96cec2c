package policy

import (
	"io"
	"strings"
	"testing"
)

func refuseNo(raw string) (string, bool) {
	return "no user " + raw, strings.HasPrefix(raw, "no")
}

// TestServe: many requests on one connection, each with its own answer.
func TestServe(t *testing.T) {
	const yes = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nsender=a=b@x\nrecipient=bob@example.org\n\n"
	no := strings.ReplaceAll(yes, "bob@", "nobody@")
	for _, test := range []struct{ in, out, err string }{
		{"", "", ""},
		{yes + no + yes, "action=DUNNO\n\naction=550 5.1.1 no user nobody@example.org\n\naction=DUNNO\n\n", ""},
		{strings.ReplaceAll(no, "RCPT", "DATA"), "action=DUNNO\n\n", ""},
		{strings.ReplaceAll(no, "RCPT", "VRFY"), "action=550 5.1.1 no user nobody@example.org\n\n", ""},
		{strings.ReplaceAll(no, "recipient=", "x="), "action=DUNNO\n\n", ""},
		{strings.ReplaceAll(no, "\n", "\r\n"), "action=550 5.1.1 no user nobody@example.org\n\n", ""},
		{yes + "recipient=nobody", "action=DUNNO\n\n", io.ErrUnexpectedEOF.Error()},
		{"GET / HTTP/1.0\n", "", errForm.Error()},
		{strings.Repeat("a", maxLine) + "=\n", "", errLong.Error()},
		{strings.Repeat("a=b\n", maxRequest+1), "", errLines.Error()},
	} {
		var out strings.Builder
		err := Serve(strings.NewReader(test.in), &out, refuseNo)
		if out.String() != test.out || err == nil && test.err != "" || err != nil && err.Error() != test.err {
			t.Errorf("%.60q: %q, %v; want %q, %q", test.in, out.String(), err, test.out, test.err)
		}
	}
}

// FuzzServe: each answer is one action, and as many as there are whole requests.
func FuzzServe(f *testing.F) {
	f.Add("protocol_state=RCPT\nrecipient=no@x\n\nrecipient=\n\n")
	f.Add("=\n\n\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out strings.Builder
		_ = Serve(strings.NewReader(in), &out, refuseNo)
		answers := strings.SplitAfter(out.String(), "\n\n")
		for _, a := range answers[:len(answers)-1] {
			if a != "action=DUNNO\n\n" && !strings.HasPrefix(a, "action=550 5.1.1 no user ") {
				t.Errorf("%q: %q", in, a)
			}
		}
		if most := strings.Count(in, "\n\n") + strings.Count(in, "\n\r") + 1; len(answers)-1 > most {
			t.Errorf("%q: %d answers", in, len(answers)-1)
		}
	})
}
