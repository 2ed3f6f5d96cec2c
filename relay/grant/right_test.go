package grant

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/cdb"
	"vodmr/internal/logintimes"
	"vodmr/test/kit/require"
)

// right is that of the login odmr@example.org, whose checkpassword program named the file of
// logins; "" if it named none.
func (s *site) right(t *testing.T, file string) *Right {
	t.Helper()
	env := func(name string) string {
		if name == logintimes.Variable {
			return file
		}
		return ""
	}
	g, err := For(s.Site, "odmr@example.org", s.root+"/domain/odmr", "Maildir", env)
	require.OK(t, err)
	t.Cleanup(g.Close)
	return g.Right(s.Site, NewLogin("odmr@example.org", env), env)
}

// looks expects what the next look says.
func looks(t *testing.T, r *Right, lost string, soon bool) {
	t.Helper()
	gotLost, gotSoon, err := r.Look()
	if gotLost != lost || gotSoon != soon || err != nil {
		t.Errorf("the look says %q, soon %v, %v; want %q, soon %v", gotLost, gotSoon, err, lost, soon)
	}
}

// replace puts a new file in place of another, at another time.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	require.OK(t, os.WriteFile(path+".new", content, 0o600))
	require.OK(t, os.Rename(path+".new", path))
	before := time.Unix(1795000000, 0)
	if info, err := os.Stat(path); err == nil && info.ModTime() == before {
		before = before.Add(time.Second)
	}
	require.OK(t, os.Chtimes(path, before, before))
}

// TestRightByRule: a rule that changed counts if it gives the login anything else.
func TestRightByRule(t *testing.T) {
	for text, lost := range map[string]string{
		"odmr@example.org:allow,VODMR_WINDOW=\"7\"\neve@example.org:deny\n": "",
		"odmr@example.org:allow,VODMR_WINDOW=\"8\"\n":                       ruleChanged,
		"odmr@example.org:deny\n":                                           ruleChanged,
		"other@example.org:allow\n":                                         ruleChanged,
	} {
		s := newSite(t, lookupSite)
		r := s.right(t, "")
		looks(t, r, "", false)
		s.write(t, "rules", text)
		require.OK(t, os.Chtimes(s.Rules, time.Unix(1795000000, 0), time.Unix(1795000000, 0)))
		looks(t, r, lost, false)
	}
}

// TestRightByRuleOfANewDomain: a session is confined to the folders of the domains that it had.
// If the rule names another one now, its folder cannot be read, and the rule has changed all the
// same. If only the reading fails, that is no reason to end, and the password is still looked at.
func TestRightByRuleOfANewDomain(t *testing.T) {
	s := newSite(t, lookupSite+"-- qmail/users/assign --\n+example.org-:example.org:1500:1500:$ROOT/domain:-::\n"+
		"+new.example-:new.example:1500:1500:$ROOT/new:-::\n.\n")
	require.OK(t, os.MkdirAll(s.root+"/new/.qmail-default", 0o755)) // a folder: it cannot be read as a file
	rules := func(text string, at int64) {
		s.write(t, "rules", text)
		require.OK(t, os.Chtimes(s.Rules, time.Unix(at, 0), time.Unix(at, 0)))
	}
	rules("odmr@example.org:allow,VODMR_DOMAINS=\"example.org\"\n", 1795000000)
	r := s.right(t, "")
	rules("odmr@example.org:allow,VODMR_DOMAINS=\"example.org,new.example\"\n", 1795000001)
	looks(t, r, ruleChanged, false)

	vpasswd := s.root + "/domain/vpasswd"
	require.OK(t, os.WriteFile(vpasswd, []byte("odmr:*:1:0:x:/home:NOQUOTA:secret\n"), 0o600))
	rules("odmr@example.org:allow,VODMR_DOMAINS=\"example.org\"\n", 1795000002)
	r = s.right(t, "")
	require.OK(t, os.Rename(s.root+"/domain/.qmail-default", s.root+"/away"))
	require.OK(t, os.Mkdir(s.root+"/domain/.qmail-default", 0o755))
	rules("odmr@example.org:allow,VODMR_DOMAINS=\"example.org\"\n\n", 1795000003)
	if lost, _, err := r.Look(); lost != "" || err == nil {
		t.Errorf("a catch-all that cannot be read: %q, %v", lost, err)
	}
	replace(t, vpasswd, []byte("odmr:*:1:0:x:/home:NOQUOTA:new\n"))
	for range 2 {
		lost, soon, err := r.Look()
		if soon == (lost != "") || err == nil {
			t.Errorf("the look says %q, soon %v, %v", lost, soon, err)
		}
	}
}

// TestRightByFile: a change of the login's own line in a file that the session may read ends it,
// once it was seen twice.
func TestRightByFile(t *testing.T) {
	const line, other = "odmr@example.org:*:1:1:x:/home:-:secret\n", "ann@example.org:*:1:1:x:/home:-:hers\n"
	for text, lost := range map[string]string{
		other + line + "bob:::\n":                        "",
		other + "Odmr@example.org:*:1:1:x:/home:-:new\n": passwordChanged,
		other: loginRemoved,
	} {
		s := newSite(t, lookupSite)
		file := filepath.Join(s.root, "vpasswd")
		require.OK(t, os.WriteFile(file, []byte(other+line), 0o600))
		r := s.right(t, file)
		looks(t, r, "", false)
		replace(t, file, []byte(text))
		looks(t, r, "", lost != "")
		looks(t, r, lost, false)
	}
}

// times writes the times of a file of logins.
func times(t *testing.T, file string, changed map[string]string) {
	t.Helper()
	var st unix.Stat_t
	require.OK(t, unix.Stat(file, &st))
	records := []cdb.Record{{Key: "", Value: logintimes.Head(st.Mtim.Nano(), st.Size)}}
	for login, when := range changed {
		records = append(records, cdb.Record{Key: login, Value: when})
	}
	require.OK(t, os.WriteFile(logintimes.Name(file), cdb.Make(records), 0o644))
}

// TestRightByTimes: if the session may not read the file, the times say which lines changed; if
// they are of another state of it, any change counts.
func TestRightByTimes(t *testing.T) {
	s := newSite(t, lookupSite)
	file := filepath.Join(s.root, "vpasswd")
	require.OK(t, os.WriteFile(file, []byte("what it may not read\n"), 0o600))
	times(t, file, map[string]string{"odmr@example.org": "1", "ann@example.org": "1"})
	r := s.right(t, file)
	replace(t, file, []byte("again\n"))
	times(t, file, map[string]string{"odmr@example.org": "1", "ann@example.org": "2"})
	looks(t, r, "", false)
	replace(t, file, []byte("once more\n"))
	times(t, file, map[string]string{"odmr@example.org": "3"})
	looks(t, r, "", true)
	looks(t, r, passwordChanged, false)
	require.OK(t, os.Remove(file))
	require.OK(t, os.Mkdir(file, 0o700))
	r = s.right(t, file)
	require.OK(t, os.Remove(file))
	require.OK(t, os.WriteFile(file, []byte("x"), 0o600))
	looks(t, r, "", true)
	looks(t, r, loginsChanged, false)
}

// TestRightByVpopmail: behind vchkpw the domain's vpasswd.cdb counts, or its vpasswd.
func TestRightByVpopmail(t *testing.T) {
	index := func(line string) []byte { return cdb.Make([]cdb.Record{{Key: "odmr", Value: line}}) }
	s := newSite(t, lookupSite)
	file := filepath.Join(s.root, "domain/vpasswd.cdb")
	require.OK(t, os.WriteFile(file, index("*:1:0:x:/home:NOQUOTA:secret"), 0o600))
	r := s.right(t, "")
	replace(t, file, index("*:1:0:x:/home:NOQUOTA:secret"))
	looks(t, r, "", false)
	replace(t, file, index("*:1:0:x:/home:NOQUOTA:new"))
	looks(t, r, "", true)
	looks(t, r, passwordChanged, false)
	replace(t, file, cdb.Make([]cdb.Record{{Key: "ann", Value: "x"}}))
	looks(t, r, loginRemoved, false)
	require.OK(t, os.Remove(file))
	text := filepath.Join(s.root, "domain/vpasswd")
	require.OK(t, os.WriteFile(text, []byte("odmr:*:1:0:x:/home:NOQUOTA:secret\n"), 0o600))
	r = s.right(t, "")
	replace(t, text, []byte("odmr:*:1:0:x:/home:NOQUOTA:new\n"))
	looks(t, r, "", true)
	looks(t, r, passwordChanged, false)
}

// TestRightUnknown: a file that cannot be looked at is an error, and no reason to end.
func TestRightUnknown(t *testing.T) {
	s := newSite(t, lookupSite)
	r := s.right(t, s.root+"/rules/vpasswd") // below a file
	if lost, _, err := r.Look(); lost != "" || err == nil {
		t.Errorf("the look says %q, %v", lost, err)
	}
	r = s.right(t, "")
	s.write(t, "rules", "odmr@example.org:allow,VODMR_WINDOW=\"seven\"\n")
	require.OK(t, os.Chtimes(s.Rules, time.Unix(1795000000, 0), time.Unix(1795000000, 0)))
	if lost, _, err := r.Look(); lost != "" || err == nil {
		t.Errorf("a rule that makes no sense: %q, %v", lost, err)
	}
}
