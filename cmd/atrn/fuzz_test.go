package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/fetch"
)

// FuzzParseOptions: a command line that is taken says who is asked, who receives,
// and with which login, and it never asks for less TLS than it says; one that is
// not is misuse. Words stand in lines.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{
		"", "-h", "-u l -p pass h prog a", "-u l -p pass h:366 -s localhost:25", "-u l -p pass h -m Maildir -z 100", "-u l -p pass -e cmd prog",
		"-u l -p pass -d a.example,b.example -i 60 h prog", "-u l -p pass -T none h prog", "-u l -p pass -T tls -e cmd prog", "-u l -p pass -C pass h prog",
		"-u l -p pass -F 00 h prog", "-f invitation prog -x", "-n -f invitation", "-f invitation -e cmd prog", "h -f invitation -m dir", "-f invitation -T none prog", "-f invitation -s h -d x.example -u l -p pass", "-n h prog", "-u l -p pass -T may -F aa h prog", "-u l -p pass -i 99999999999 h prog", "-u l -p pass -z -1 h prog", "-u l -p pass [::1]:smtp prog",
		"-u l\r -p pass h prog", "-u= -p none h prog", "-u l -p none h prog", "-u l -p pass -i -1 h prog", "-- h prog", "-u l -p pass h -e cmd", "-u l -p pass -i h prog", "-u l -p pass -i 0 h prog", "-u l -p pass -i 300 h prog", "-u l -p pass h -s h -d a.example", "h -u l -p pass -s h -i 5x", "-i 5m -u l -p pass h prog", "-u l -p pass h prog -u x", "-u l -p pass -m d h -z 10 -- -x",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	passfile := filepath.Join(f.TempDir(), "passfile")
	if err := os.WriteFile(passfile, []byte("secret\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	invitation := filepath.Join(f.TempDir(), "invitation")
	if err := os.WriteFile(invitation, []byte(invitationLine), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		args := strings.Split(lines, "\n")
		for i, arg := range args {
			if arg == "pass" {
				args[i] = passfile
			}
			if arg == "invitation" {
				args[i] = invitation
			}
		}
		raw, err := parseFlags(args)
		if err == nil && !slices.Contains([]string{"", "none", passfile}, raw.passfile) || err == nil && !slices.Contains([]string{"", passfile}, raw.cafile) ||
			err == nil && !slices.Contains([]string{"", invitation}, raw.invitation) {
			return // it may be a device
		}
		var o *flags
		if err == nil {
			o, err = raw.parse()
		}
		if err != nil {
			if !errors.Is(err, errUsage) && fetch.ExitCode(err) != fetch.ExitMisuse {
				t.Errorf("%q: %v is no misuse", args, err)
			}
			return
		}
		checkOptions(t, args, raw, o)
	})
}

// invitationLine is the text of each file that is called invitation here.
const invitationLine = "atrn://invited:hidden@mail.example.net/?domain=c.example&pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// inherit is a command line with what its invitation says.
func inherit(raw *rawOptions) (login, password, domains string) {
	login, password, domains = raw.login, "secret", raw.domains
	if raw.invitation != "" && login == "" {
		login = "invited"
	}
	if raw.invitation != "" && raw.passfile == "" {
		password = "hidden"
	}
	if raw.invitation != "" && domains == "" {
		domains = "c.example"
	}
	return login, password, domains
}

func checkOptions(t *testing.T, args []string, raw *rawOptions, o *flags) {
	s := o.session
	if raw.show {
		if o.show == "" || strings.Contains(o.show, "hidden") || s.Provider != nil {
			t.Errorf("%q: %+v", args, o)
		}
		return
	}
	login, password, domains := inherit(raw)
	if s.Provider == nil || s.Sink == nil || s.Login.User != login || login == "" || s.Login.Password != password ||
		strings.ContainsAny(login, "\r\n\x00") {
		t.Errorf("%q: %+v", args, s)
	}
	if domains != strings.Join(s.Domains, ",") || strings.ContainsAny(domains, " \r\n\x00<>") {
		t.Errorf("%q: domains %q", args, s.Domains)
	}
	if o.repeat != raw.repeat || o.repeat != (s.Silence == fetch.Silence) || !o.repeat && s.Silence != 0 {
		t.Errorf("%q: again %v, %v", args, o.repeat, s.Silence)
	}
	if o.every < 0 || int64(o.every/time.Second) != raw.seconds || o.every > 0 && !o.repeat {
		t.Errorf("%q: %v of %d", args, o.every, raw.seconds)
	}
	word, _ := map[string]fetch.TLSMode{"starttls": fetch.StartTLS, "tls": fetch.OnConnect, "may": fetch.MayTLS, "none": fetch.NoTLS}[raw.tls]
	if raw.tls == "" && raw.dial != "" && raw.invitation == "" {
		word = fetch.NoTLS
	}
	verified := s.TLS.Mode == fetch.StartTLS || s.TLS.Mode == fetch.OnConnect
	if s.TLS.Mode != word || verified && s.TLS.Host == "" && s.TLS.Pin == nil || !verified && (s.TLS.Pin != nil || s.TLS.Roots != nil) {
		t.Errorf("%q: %+v", args, s.TLS)
	}
	if p, ok := s.Sink.(fetch.Program); ok && (len(p.Args) == 0 || !slices.Equal(p.Args, args[len(args)-len(p.Args):])) {
		t.Errorf("%q: program %q", args, p.Args)
	}
	if m, ok := s.Sink.(fetch.Maildir); ok && (m.Dir == "" || m.Limit < 0) {
		t.Errorf("%q: %+v", args, m)
	}
}
