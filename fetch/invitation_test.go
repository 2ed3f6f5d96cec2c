package fetch

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

const (
	zeroPin   = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	wholeLine = "atrn://joe%40example.org:s3%3A%25@mail.example.net:1366/?domain=example.org&domain=b.example&pin=" + zeroPin
)

func TestParseInvitation(t *testing.T) {
	joe := Login{User: "joe@example.org", Password: "s3:%"}
	for line, want := range map[string]Invitation{
		wholeLine: {Address: Address{"mail.example.net", "1366"}, Login: joe, Domains: []string{"example.org", "b.example"}, Pin: &Pin{Key: true}},
		"ATRN://joe%40example.org:s3:%25@mail.example.net": {Address: Address{"mail.example.net", "366"}, Login: joe},
		"atrn://joe@[2001:db8::1]/?domain=a.example,b.example": {Address: Address{"2001:db8::1", "366"}, Login: Login{User: "joe"},
			Domains: []string{"a.example", "b.example"}},
		"atrn://joe:x@[2001:db8::1]:367?pin=sha256%3A" + strings.Repeat("00", 32): {Address: Address{"2001:db8::1", "367"}, Login: Login{"joe", "x"}, Pin: &Pin{Key: true}},
		"atrn://joe@h/?domain=d.example&external":                                 {Address: Address{"h", "366"}, Login: Login{User: "joe"}, Domains: []string{"d.example"}, External: true},
	} {
		got, err := ParseInvitation(line)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", line, err, diff)
		}
	}
}

func TestInvitationsThatAreNone(t *testing.T) {
	for line, want := range map[string]string{
		"":                                       "does not begin with atrn://",
		"smtp://a:SECRET@h":                      "does not begin with atrn://",
		"atrn://a:SECRET":                        "no @ between",
		"atrn://a@b:SECRET@h":                    "%40",
		"atrn://:SECRET@h":                       "no login",
		"atrn://a%4:SECRET@h":                    "not followed by two",
		"atrn://a:SECRET%zz@h":                   "not followed by two",
		"atrn://a:SECRET%0a@h":                   "no line ends",
		"atrn://a%00:SECRET@h":                   "no line ends",
		"atrn://a%24%28id%29:SECRET@h":           "means something to a shell",
		"atrn://a%1b%5b2J:SECRET@h":              "means something to a shell",
		"atrn://a%20b:SECRET@h":                  "means something to a shell",
		"atrn://a:SECRET@":                       "names no host",
		"atrn://a:SECRET@h:0":                    "not a port",
		"atrn://a:SECRET@h:x/":                   "not a port",
		"atrn://a:SECRET@h/path?domain=d":        "names no host",
		"atrn://a:SECRET@h/?domain=a,":           "not a domain",
		"atrn://a:SECRET@h/?domain=":             "not a domain",
		"atrn://a:SECRET@h/?domain=d%":           "its domain is not followed",
		"atrn://a:SECRET@h/?pin=sha256:00":       "not the SHA-256 of a public key",
		"atrn://a:SECRET@h/?pin=" + "00":         "not the SHA-256",
		"atrn://a:SECRET@h/?pin=" + pinDigits:    "begin with sha256:",
		"atrn://a:SECRET@h/?pin=x&pin=y":         "not the SHA-256",
		"atrn://a:SECRET@h/?tls=none":            `"tls" is unknown here`,
		"atrn://a:SECRET@h/?external":            "a password, and says that the login is by a key",
		"atrn://a@h/?external=no":                `"external" is unknown here`,
		"atrn://a:SECRET@h/ ?domain=d":           "one line",
		"atrn://a:SECRET@h/?domain=d\x1b":        "one line",
		wholeLine + "&pin=" + zeroPin:            "two pins",
		"atrn://a:SECRET@h/?pin=sha256:" + "!!!": "43 characters",
	} {
		_, err := ParseInvitation(line)
		if ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

var pinDigits = strings.Repeat("00", 32)

// Atrn-conf writes an invitation's names into a shell script that root runs, and into
// Postfix's settings. None may have a meaning there.
func TestInvitationNamesArePlain(t *testing.T) {
	for _, name := range []string{
		"$(id)", "`id`", "a;id", "a&id", "a|id", "a>b", "a'b", "a\"b", "a\\b", "*", "a?b", "$mydestination", "~root", "#a", "!a", "{a}", "a%i", "-a", ".a",
	} {
		host := strings.ReplaceAll(name, "?", "*")
		for _, line := range []string{
			"atrn://a:SECRET@" + host, "atrn://a:SECRET@[2001:db8::1%" + host + "]:366",
			"atrn://a:SECRET@h/?domain=" + url.PathEscape(name),
		} {
			if strings.Contains(line, "?domain") {
				line = strings.ReplaceAll(line, "&", "%26")
			}
			i, err := ParseInvitation(line)
			if ExitCode(err) != ExitMisuse || strings.Contains(fmt.Sprint(err), "SECRET") {
				t.Errorf("%s: %+v, %v, want misuse", line, i, err)
			}
		}
	}
	for _, line := range []string{
		"atrn://a@mx_1.example.org/?domain=xn--mller-kva.example&domain=m%C3%BCller.example", "atrn://a@[fe80::1%eth0.2]:366", "atrn://a@192.0.2.1", "atrn://a@h?domain=_a",
	} {
		if _, err := ParseInvitation(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// FuzzParseInvitation: a line that is taken has a login that can be sent, and no error
// shows the password.
func FuzzParseInvitation(f *testing.F) {
	const begin = "atrn://a:S3CRET"
	for _, seed := range []string{"", "@h", "%@h", "%0@h@", "@[::1]:1/?pin=&domain=", "@h/?domain=a.example&pin=" + zeroPin, "@h%", "@h:99999", "@h?x=%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		i, err := ParseInvitation(begin + rest)
		if err != nil {
			if ExitCode(err) != ExitMisuse || strings.Contains(err.Error(), "S3CRET") && !strings.Contains(rest, "S3CRET") {
				t.Errorf("%q: %v", rest, err)
			}
			return
		}
		if i.Login.User != "a" || i.Address.Host == "" || strings.ContainsAny(i.Login.Password, "\r\n\x00") || i.Pin != nil && !i.Pin.Key {
			t.Errorf("%q: %+v", rest, i)
		}
	})
}

// invited writes a file with an invitation.
func invited(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadInvitation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "invitation")
	for _, test := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{wholeLine + "\n", 0o600, ""},
		{"# from Jane\n\n  " + wholeLine + "  \r\n", 0o400, ""},
		{wholeLine, 0o640, "mode 0640"},
		{wholeLine, 0o604, "run chmod 600"},
		{wholeLine, 0o620, "run chmod 600"},
		{"atrn://a:SECRET@h/?domain=a.example\n&pin=" + zeroPin, 0o600, "more than one line"},
		{"#\n", 0o600, "it is empty"},
		{"atrn://a:SECRET@", 0o600, ": \"\" names no host"},
	} {
		_ = os.Remove(file)
		i, err := ReadInvitation(invited(t, file, test.text, test.mode))
		if test.want == "" {
			if err != nil || i.Login.User != "joe@example.org" {
				t.Errorf("%q, %v: %+v, %v", test.text, test.mode, i, err)
			}
			continue
		}
		if ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q, %v: %v, want %q", test.text, test.mode, err, test.want)
		}
	}
	for _, none := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		if _, err := ReadInvitation(none); ExitCode(err) != ExitMisuse {
			t.Errorf("%s: %v", none, err)
		}
	}
}

func TestInvitationOfAnotherUser(t *testing.T) {
	require.Root(t, "only root can give a file away")
	file := invited(t, filepath.Join(t.TempDir(), "invitation"), wholeLine, 0o600)
	if err := os.Chown(file, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadInvitation(file); ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), "belongs to uid 65534") {
		t.Errorf("%v", err)
	}
}

// systemd's credentials have a mode of their own, and need no path.
func TestInvitationAsCredential(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for name, mode := range map[string]os.FileMode{"whole": 0o440, "own": 0o400, "open": 0o444, "group": 0o460} {
		path := invited(t, filepath.Join(dir, name), wholeLine, mode)
		for _, given := range []string{name, path} {
			_, err := ReadInvitation(given)
			if bad := name == "open" || name == "group"; (err != nil) != bad {
				t.Errorf("%s, mode %04o: %v", given, mode, err)
			}
		}
	}
	outside := invited(t, filepath.Join(t.TempDir(), "whole"), wholeLine, 0o440)
	if _, err := ReadInvitation(outside); err == nil {
		t.Error("a file outside of the credentials' folder was taken with mode 0440")
	}
}
