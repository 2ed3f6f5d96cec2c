package qmail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func dotQmail(t *testing.T, dir, content string) DotQmail {
	t.Helper()
	writeFile(t, dir, ".qmail-default", content)
	dq, err := ReadDefault(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dq
}

func TestDotQmailByDirectory(t *testing.T) {
	dir := t.TempDir() // the domain's
	odmr := dir + "/odmr"
	tests := []struct {
		content string
		leads   bool
	}{
		{"| /home/vpopmail/bin/vdelivermail '' DIR/odmr\n", true},
		{"|/opt/x/vdelivermail '' DIR/odmr/", true},
		{"| vdelivermail \"\" \"DIR/odmr\" \t\n", true},
		{"| vdelivermail DIR/odmr\n", true},
		{"| vdelivermail '' 'DIR/odmr\n", true},
		{"| preline /bin/filter | /v/bin/vdelivermail '' DIR/./odmr\n", true},
		{"# comment\n\n  \n| vdelivermail '' DIR/odmr\n", true},
		{"| vdelivermail '' DIR/odmr; exit 0\n", true},
		{"./odmr/Maildir/\n", true},
		{"DIR/odmr/Maildir/ \n", true},
		{"# | vdelivermail '' DIR/odmr\n", false},
		{"| true # vdelivermail '' DIR/odmr\n", false},
		{"| vdelivermail '' DIR/odmr2\n", false},
		{"| vdelivermail '' DIR\n", false},
		{"| vdelivermail '' bounce-no-mailbox\n", false},
		{"| vdelivermail '' delete\n", false},
		{"| vdelivermail\n", false},
		{"| othermail '' DIR/odmr\n", false},
		{"| vdelivermail '' bounce-no-mailbox; echo DIR/odmr\n", false},
		{"./odmr/Maildir\n", false}, // an mbox file
		{"./odmr/\n", false},
		{"./eve/Maildir/\n", false},
		{"&odmr@example.org\n", false},
		{"", false},
	}
	for _, tt := range tests {
		dq := dotQmail(t, dir, strings.ReplaceAll(tt.content, "DIR", dir))
		if got := dq.LeadsTo(odmr+"/", "Maildir"); got != tt.leads {
			t.Errorf("%q leads: %v", tt.content, got)
		}
	}
}

// TestLeadsToAMaildirOfAnotherName: MAILDIR counts if qmail-local delivers.
func TestLeadsToAMaildirOfAnotherName(t *testing.T) {
	dir := realDir(t)
	home := dir + "/odmr"
	for _, tt := range []struct {
		content, maildir string
		leads            bool
	}{
		{"./odmr/q/\n", "q", true},
		{"./odmr/q/\n", "./q/", true},
		{"./odmr/q/\n", home + "/q", true},
		{"./odmr/q/\n", "Maildir", false},
		{"./odmr/Maildir/\n", "q", false},
		{"./odmr/Maildir/\n", home + "/Maildir/", true},
	} {
		if got := dotQmail(t, dir, tt.content).LeadsTo(home, tt.maildir); got != tt.leads {
			t.Errorf("%q to %q: %v", tt.content, tt.maildir, got)
		}
	}
}

func TestDefaultAbove(t *testing.T) {
	dir := realDir(t)
	mkdirAndLink(t, dir+"/site/example.org/0/odmr", dir+"/link")
	homes := []string{"/link", "/site/example.org/0/odmr", "/site/example.org/odmr/", "/site/example.org/0/../odmr"}
	for _, want := range []string{"", dir + "/site/example.org/.qmail-default"} {
		for _, home := range homes {
			if got, err := DefaultAbove(dir + home); got != want || err != nil {
				t.Errorf("%s: %q, %v; want %q", home, got, err, want)
			}
		}
		if got, err := DefaultAbove(dir + "/site/example.org"); got != "" || err != nil {
			t.Errorf("the domain's own folder: %q, %v", got, err)
		}
		writeFile(t, dir+"/site/example.org", ".qmail-default", "#")
	}
	if _, err := DefaultAbove(dir + "/" + strings.Repeat("x", 300) + "/odmr"); err == nil {
		t.Error("a folder that cannot be asked about is no answer")
	}
}

func TestDotQmailBehindASymlink(t *testing.T) {
	dir := realDir(t)
	mkdirAndLink(t, dir+"/real/odmr/Maildir", dir+"/link")
	mkdirAndLink(t, dir+"/real/odmr", dir+"/odmr")
	for _, content := range []string{"| vdelivermail '' " + dir + "/odmr\n", "./link/\n"} {
		dq := dotQmail(t, dir, content)
		if !dq.LeadsTo(dir+"/real/odmr", "Maildir") || dq.LeadsTo(dir+"/real", "Maildir") {
			t.Errorf("%q", content)
		}
	}
}

func TestDotQmailAddresses(t *testing.T) {
	dq := dotQmail(t, t.TempDir(), "&Odmr@Fwd.example\nplain@x.example\n+list\n& spaced@y.example\n"+
		"| vdelivermail '' third@z.example\n&joe\n")
	want := []string{"odmr@fwd.example", "plain@x.example", "spaced@y.example", "third@z.example"}
	if diff := cmp.Diff(want, dq.Addresses()); diff != "" {
		t.Error(diff)
	}
}

func TestLeadsHere(t *testing.T) {
	u := users(t, readFixture(t, "users/cdb"))
	fwd, _, err := u.Domain("fwd.example")
	if err != nil {
		t.Fatal(err)
	}
	byAddress := readFixture(t, "dot-qmail-default.address")
	byDirectory := readFixture(t, "dot-qmail-default.directory")
	tests := []struct {
		name    string
		domain  Domain
		content string
		home    string
		leads   bool
		address string
	}{
		{"address", fwd, byAddress, domains + "fwd.example/odmr", true, "odmr@fwd.example"},
		{"address of another's mailbox", fwd, byAddress, domains + "fwd.example/hal", false, ""},
		{"mailbox of that name elsewhere", fwd, byAddress, domains + "quota.example/odmr", false, ""},
		{"directory", exampleOrg, byDirectory, domains + "example.org/odmr", true, ""},
		{"directory of another", exampleOrg, byDirectory, domains + "example.org/postmaster", false, ""},
		{"address in another domain", fwd, "&odmr@example.org\n", domains + "example.org/odmr", true, "odmr@example.org"},
		{"address in an alias domain", fwd, "&odmr@alias.example\n", domains + "example.org/odmr", true, "odmr@example.org"},
		{"unknown domain", fwd, "&odmr@none.example\n", domains + "example.org/odmr", false, ""},
		{"second address", fwd, "&a@b.example\n&odmr@fwd.example\n", domains + "fwd.example/odmr", true, "odmr@fwd.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dq := dotQmail(t, t.TempDir(), tt.content)
			leads, address, err := u.LeadsHere(tt.domain, dq, tt.home, "Maildir")
			if leads != tt.leads || address != tt.address || err != nil {
				t.Errorf("%v, %q, %v", leads, address, err)
			}
		})
	}
}

func TestReadDefaultErrors(t *testing.T) {
	dir := t.TempDir()
	if dq, err := ReadDefault(dir); err != nil || dq.LeadsTo(dir, "Maildir") || dq.Addresses() != nil {
		t.Errorf("absent: %+v, %v", dq, err)
	}
	if err := unix.Mkfifo(dir+"/.qmail-default", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDefault(dir); err == nil || !strings.Contains(err.Error(), "/.qmail-default") {
		t.Errorf("FIFO: %v", err)
	}
}

func TestShellCommands(t *testing.T) {
	tests := []struct {
		line string
		want [][]string
	}{
		{` a  b `, [][]string{{"a", "b"}}},
		{`'' "" x`, [][]string{{"", "", "x"}}},
		{`'a b'"c d"\ e`, [][]string{{"a bc d e"}}},
		{`"a\"b" c\`, [][]string{{`a"b`, "c"}}},
		{`a|b c&&d;e`, [][]string{{"a"}, {"b", "c"}, {"d"}, {"e"}}},
		{`a#b #c d`, [][]string{{"a#b"}}},
		{"a \\\nb\nc", [][]string{{"a", "b"}, {"c"}}},
		{"a # b\nc", [][]string{{"a"}, {"c"}}},
		{"sh -c 'a\nb'", [][]string{{"sh", "-c", "a\nb"}}},
		{`"open quote`, [][]string{{"open quote"}}},
		{``, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ShellCommands(tt.line)); diff != "" {
			t.Errorf("%q: %s", tt.line, diff)
		}
	}
}

func TestDotQmailListsAll(t *testing.T) {
	dq := dotQmail(t, t.TempDir(), "# none\n/a/Maildir/\n/a/mbox\n| /v/bin/vdelivermail '' bounce-no-mailbox\n"+
		"| /v/bin/vdelivermail '' /v/odmr\n|filter x\nA@b.example\nalias\n")
	if diff := cmp.Diff([]string{"/v/odmr", "/a/Maildir"}, dq.Folders()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/a/mbox", "bounce-no-mailbox", "|filter x", "alias"}, dq.Others()); diff != "" {
		t.Error(diff)
	}
}

// Deferred says if qmail-local puts mail off, by its own rules about the x bit, +list and
// the first line.
func TestDotQmailDeferred(t *testing.T) {
	for content, want := range map[string][2]bool{ // as it is, and executable
		"":                           {false, false},
		"&odmr@example.org\n":        {false, false},
		"odmr\n# |x\n":               {false, false},
		"|vdelivermail '' /x\n":      {false, true},
		"./Maildir/\n":               {false, true},
		"/home/odmr/Mailbox":         {false, true},
		"+list\n&odmr@example.org\n": {false, false},
		"+list\n./Maildir/\n":        {true, true},
		"./Maildir/\n+list\n":        {false, true},
		"+other\n./Maildir/\n":       {false, true},
		"\n./Maildir/\n":             {true, true},
		" \t\n&odmr@example.org\n":   {true, true},
	} {
		dq := dotQmail(t, t.TempDir(), content)
		if got := [2]bool{dq.Deferred(false) != "", dq.Deferred(true) != ""}; got != want {
			t.Errorf("%q: %v, want %v", content, got, want)
		}
		if dq.Empty() != (content == "") {
			t.Errorf("%q: empty %v", content, dq.Empty())
		}
	}
}
