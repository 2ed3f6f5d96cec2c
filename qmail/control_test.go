package qmail

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var defaults = Settings{
	Me: "vodmr.host", HeloHost: "vodmr.host",
	BounceFrom: "MAILER-DAEMON", BounceHost: "vodmr.host", BounceMaxBytes: 50000,
	DoubleBounceTo: "postmaster", DoubleBounceHost: "vodmr.host",
	QueueLifetime: 7 * 24 * time.Hour,
}

// but is the defaults with a change.
func but(change func(*Settings)) Settings {
	s := defaults
	change(&s)
	return s
}

func TestSettings(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  Settings
	}{
		{"no files", nil, defaults},
		{"me is everybody's default", map[string]string{"me": "mail.example \t\nignored\n"},
			but(func(s *Settings) {
				s.Me, s.HeloHost, s.BounceHost, s.DoubleBounceHost =
					"mail.example", "mail.example", "mail.example", "mail.example"
			})},
		{"each file", map[string]string{
			"helohost": "helo.example", "bouncefrom": "bounces\n", "bouncehost": "b.example\n", "bouncemaxbytes": "0\n",
			"doublebounceto": "root\n", "doublebouncehost": "d.example\n", "queuelifetime": "3600\n", "timeoutremote": "60 \n"},
			but(func(s *Settings) {
				s.HeloHost, s.BounceFrom, s.BounceHost, s.BounceMaxBytes = "helo.example", "bounces", "b.example", 0
				s.DoubleBounceTo, s.DoubleBounceHost = "root", "d.example"
				s.QueueLifetime, s.TimeoutRemote = time.Hour, time.Minute
			})},
		{"a file that says nothing", map[string]string{
			"me": "\n", "bouncefrom": "", "bouncemaxbytes": "many\n", "queuelifetime": "-5\n", "timeoutremote": ""}, defaults},
		{"empty doublebounceto", map[string]string{"doublebounceto": "\nroot\n"},
			but(func(s *Settings) { s.DoubleBounceTo = "" })},
		{"digits, then more", map[string]string{"queuelifetime": "60s\n"},
			but(func(s *Settings) { s.QueueLifetime = time.Minute })},
		{"a number beyond all bounds", map[string]string{"queuelifetime": strings.Repeat("9", 40)},
			but(func(s *Settings) { s.QueueLifetime = maxNumber * time.Second })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{}
			for name, content := range tt.files {
				files["control/"+name] = content
			}
			got, err := home(t, files).Settings("vodmr.host")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsWithoutAHome(t *testing.T) {
	h := OpenHome(t.TempDir() + "/none")
	if got, err := h.Settings("vodmr.host"); got != defaults || err != nil || h.Exists() {
		t.Errorf("%+v, %v, exists %v", got, err, h.Exists())
	}
	loop := t.TempDir() + "/loop"
	if err := os.Symlink(loop, loop); err != nil || !OpenHome(loop).Exists() {
		t.Errorf("a home that cannot be looked at passes for none: %v", err)
	}
	if !OpenHome(t.TempDir()).Exists() {
		t.Error("an existing home is denied")
	}
}

func TestControlFileThatCannotBeRead(t *testing.T) {
	for _, name := range []string{"me", "helohost", "bouncefrom", "bouncehost", "bouncemaxbytes",
		"doublebounceto", "doublebouncehost", "queuelifetime", "timeoutremote"} {
		h := home(t, map[string]string{"control/" + name + "/x": ""}) // a directory
		if _, err := h.Settings("h"); err == nil || !strings.Contains(err.Error(), "control/"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := home(t, map[string]string{"control/me": "x"})
	if err := unix.Mkfifo(h.Path("control/virtualdomains"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.VirtualDomains(); err == nil || !strings.Contains(err.Error(), "control/virtualdomains") {
		t.Errorf("FIFO: %v", err)
	}
}
