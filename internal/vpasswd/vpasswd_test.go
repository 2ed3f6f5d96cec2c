package vpasswd

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A real vpopmail wrote this.
func TestFixture(t *testing.T) {
	text, err := os.ReadFile("../../test/data/fixtures/vpopmail/vpasswd")
	if err != nil {
		t.Fatal(err)
	}
	entries, bad := Parse(string(text))
	if len(entries) != 2 || len(bad) != 0 {
		t.Fatalf("%d entries, bad %v", len(entries), bad)
	}
	for name, password := range map[string]string{"odmr": "tanstaaftanstaaf", "postmaster": "Sup3rSecret-12"} {
		e, ok := Find(entries, name)
		if !ok || e.Clear != password || e.Dir != "/home/vpopmail/domains/example.org/"+name {
			t.Errorf("%s: %v, %+v", name, ok, e)
		}
		if !matched(t, e.Crypt, password) || matched(t, e.Crypt, password+"x") {
			t.Errorf("%s: its crypt does not tell its password", name)
		}
	}
}

func TestParse(t *testing.T) {
	text := "# accounts\n\n" +
		"Odmr@Example.org:$1$a$b:89:90:On Demand:/srv/odmr:NOQUOTA:pass:word:\r\n" +
		"old:*:1:2::/srv/old:-\n" +
		"short:x:1:2::/srv\n" +
		":x:1:2::/srv::\n" +
		"nodir:x:1:2::::\n" +
		"uid:x:-1:2::/srv::\n" +
		"gid:x:1:4294967295::/srv::\n" +
		"nul:x:1:2::/srv::a\x00b\n" +
		"last::3:4::/srv/last:-:clear"
	entries, bad := Parse(text)
	want := []Entry{
		{Name: "odmr@example.org", Crypt: "$1$a$b", UID: 89, GID: 90, Gecos: "On Demand",
			Dir: "/srv/odmr", Shell: "NOQUOTA", Clear: "pass:word:"},
		{Name: "old", Crypt: "*", UID: 1, GID: 2, Dir: "/srv/old", Shell: "-"},
		{Name: "last", UID: 3, GID: 4, Dir: "/srv/last", Shell: "-", Clear: "clear"},
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, err := range bad {
		got = append(got, err.Error())
	}
	wantBad := []string{
		"line 5: 6 fields, want 8",
		"line 6: the name and the directory must not be empty",
		"line 7: the name and the directory must not be empty",
		"line 8: uid: not a number from 0 to 2147483647",
		"line 9: gid: not a number from 0 to 2147483647",
		"line 10: a control character",
	}
	if diff := cmp.Diff(wantBad, got); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	entries := []Entry{
		{Name: "odmr@example.org", Dir: "/first"},
		{Name: "odmr@example.org", Dir: "/second"},
		{Name: "bare", Dir: "/bare"},
		{Name: "bark", Dir: "/bark"},
	}
	for login, dir := range map[string]string{
		"odmr@example.org": "/first",
		"ODMR@Example.ORG": "/first",
		"bare":             "/bare",
		"bare@example.org": "",
		"odmr":             "",
		"odmr%example.org": "",
		"bar\u212a":        "", // the Kelvin sign's lower case is k
		"":                 "",
	} {
		if e, ok := Find(entries, login); e.Dir != dir || ok != (dir != "") {
			t.Errorf("%q: %v, %+v", login, ok, e)
		}
	}
}

// Whatever a line holds, an entry can be taken for what it says and written
// back, and an error keeps the line's secrets to itself.
func FuzzParseLine(f *testing.F) {
	f.Add("odmr:$6$salt$hash:1:0:odmr:/home/odmr:NOQUOTA:clear-text")
	f.Add("odmr:x:1:0::/home/odmr:NOQUOTA")
	f.Add("::::::::")
	f.Add("odmr:" + hexOfOld + "," + hexOfOld + ":1:2:g:/d:-:" + hexOfOld)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := ParseLine(line)
		if err != nil {
			if !cmp.Equal(e, Entry{}) {
				t.Errorf("an entry %+v beside the error %v", e, err)
			}
			return
		}
		if e.UID < 0 || e.GID < 0 || e.Name == "" || e.Dir == "" || strings.ContainsAny(e.Name, "ABCXYZ") {
			t.Errorf("entry %+v", e)
		}
		fields := strings.Split(line, ":")
		if len(e.Keys) > 0 {
			return
		}
		if e.Crypt != fields[1] || e.Dir != fields[5] || e.Clear != strings.Join(fields[7:], ":") {
			t.Errorf("entry %+v of line %q", e, line)
		}
		if got, ok := Find([]Entry{e}, fields[0]); !ok || !cmp.Equal(got, e) {
			t.Errorf("%q does not find %+v", fields[0], e)
		}
	})
}
