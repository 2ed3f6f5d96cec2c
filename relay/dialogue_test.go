package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	if dir := os.Getenv("RELAY_TEST_HOLD"); dir != "" {
		os.Exit(holdLock(dir))
	}
	os.Exit(dialogue.Main(m, &bin, "vodmr/test/standin/qmail-queue"))
}

// queueProgram is the stand-in for qmail-queue.
func queueProgram() string { return filepath.Join(bin, "qmail-queue") }

// A site is one provider in a temporary folder, made from a txtar file:
//
//	config           `key: value` lines, see relayConfig; VODMR_X sets a variable
//	rules            rules about logins, as tcprules takes them
//	new/X cur/X      files in the Maildir; CR, NUL as \r and \0 if
//	                 config has `escapes: yes`
//	maildir/X        other files there
//	qmail/X          files in the qmail home; qmail/users/assign becomes users/cdb
//	home/X domain/X  files in the mailbox's and the domain's directories
//	late/X           a file that the dialogue's line `D: X` delivers into new/X
//
// and what is expected of it:
//
//	dialogue         what the customer says and hears after 235; the line
//	                 `D: <term>` tells the session to end, as SIGTERM does;
//	                 `D: <ask X>` asks about the recipient X at the door,
//	                 `D: <answered>` waits for all answers, and `D: <forget X>` has
//	                 vodmr-rcpt -x forget what was learnt about X
//	answers          what the questions got: `X VERDICT words` a line, in their order
//	learnt           all lines of the door's learnt@example.org, as patterns
//	left             the Maildir's files afterwards
//	queue            what qmail-queue got: `FROM -> TO` a line
//	bounce           patterns, each of which a line of a bounce must match
//	notes            all lines of vodmr.notes, as patterns
//	log              all log lines, as patterns
//
// $ROOT stands for the temporary folder.
type site struct {
	root    string
	files   map[string]string
	config  map[string]string
	maildir string

	answers  []<-chan string // to questions of the dialogue
	answered string          // those that have come

	lostNotes string // the notes when the lock was lost
}

func newSite(t testing.TB, archive *txtar.Archive) *site {
	s := &site{root: t.TempDir(), files: map[string]string{}, config: map[string]string{}}
	for _, f := range archive.Files {
		s.files[f.Name] = strings.ReplaceAll(string(f.Data), "$ROOT", s.root)
	}
	for line := range strings.Lines(s.files["config"]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		s.config[key] = strings.TrimSpace(value)
	}
	s.maildir = filepath.Join(s.root, "domain/odmr/Maildir")
	testsite.Maildir(t, s.maildir)
	for name, text := range s.files {
		s.write(t, name, text)
	}
	if s.config["qmail"] != "none" {
		program := queueProgram()
		if script := s.config["qmail-queue"]; script != "" {
			program = filepath.Join(s.root, "bad-queue")
			require.OK(t, os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		}
		testsite.Queue(t, filepath.Join(s.root, "qmail"), program)
	}
	return s
}

// write puts one of the archive's files into its place.
func (s *site) write(t testing.TB, name, text string) {
	top, _, _ := strings.Cut(name, "/")
	var path string
	switch {
	case top == "new" || top == "cur":
		path = filepath.Join(s.maildir, name)
		if s.config["escapes"] == "yes" {
			text = strings.NewReplacer(`\r`, "\r", `\0`, "\x00", `\n`+"\n", "").Replace(text)
		}
	case top == "maildir":
		path = filepath.Join(s.maildir, strings.TrimPrefix(name, "maildir/"))
	case top == "qmail" || strings.HasPrefix(top, "domain"):
		path = filepath.Join(s.root, name)
	case name == "rules":
		require.OK(t, os.WriteFile(filepath.Join(s.root, "rules.cdb"), cdbmake.Rules(text), 0o644))
		return
	default:
		return
	}
	require.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.OK(t, os.WriteFile(path, []byte(text), 0o600))
	if name == "qmail/users/assign" {
		require.OK(t, os.WriteFile(filepath.Join(filepath.Dir(path), "cdb"), cdbmake.Assign(text), 0o644))
	}
}

// now is when the tests run: a little after the fixtures were written.
var now = time.Unix(1795340000, 0)

func (s *site) relayConfig(peer, log *os.File) Config {
	get := func(key, standard string) string {
		if value, ok := s.config[key]; ok {
			return value
		}
		return standard
	}
	later, _ := time.ParseDuration(get("later", "0"))
	home := filepath.Join(s.root, "qmail")
	timings := standardTimings()
	for key, wait := range map[string]*time.Duration{
		"first-retry": &timings.retries.FirstRetry, "last-retry": &timings.retries.LastRetry, "reread": &timings.retries.Reread,
		"slow-call": &timings.retries.SlowCall, "fresh": &timings.retries.Fresh, "look": &timings.look,
	} {
		if value, ok := s.config[key]; ok {
			*wait, _ = time.ParseDuration(value)
		}
	}
	return Config{
		timings: timings,
		Conn:    fdio.New(int(peer.Fd()), int(peer.Fd())),
		Log:     logline.New(int(log.Fd()), "vodmr-relay", "4711"),
		Host:    "mail.provider.test",
		Session: "4711",
		Login:   get("login", "odmr@example.org"),
		Home:    filepath.Join(s.root, get("home", "domain/odmr")),
		Maildir: get("maildir", "Maildir"),
		Qmail:   qmail.OpenHome(home),
		Queue:   qmail.Queue{Home: home},
		Rules:   s.rules(),
		Environ: func(name string) string { return s.config[name] },
		TLS:     s.config["tls"] == "yes",
		Now:     func() time.Time { return now.Add(later) },
	}
}

// rules is the path of rules.cdb if the archive has rules.
func (s *site) rules() string {
	if name, ok := s.config["rules"]; ok {
		return filepath.Join(s.root, name)
	}
	if _, ok := s.files["rules"]; !ok {
		return ""
	}
	return filepath.Join(s.root, "rules.cdb")
}

// run plays the dialogue and returns the log and the session's error.
func (s *site) run(t testing.TB, script string) (log string, err error) {
	began := time.Now()
	conn, peer := dialogue.Pair(t)
	logFile, ferr := os.Create(filepath.Join(s.root, "log"))
	require.OK(t, ferr)
	defer logFile.Close()
	ended := make(chan struct{})
	config := s.relayConfig(peer, logFile)
	tellRead, tell, perr := os.Pipe()
	require.OK(t, perr)
	defer tellRead.Close()
	defer tell.Close()
	config.Terminated = func() (int, error) { return int(tellRead.Fd()), nil }
	go func() {
		defer close(ended)
		err = Serve(config)
		peer.Close()
	}()
	// If the test fails, the session must not outlive its descriptors either: others get their
	// numbers.
	defer func() {
		conn.Close()
		<-ended
	}()
	conn.Run("S: 235 2.7.0 *")
	for line := range strings.Lines(script) {
		name, deliver := strings.CutPrefix(strings.TrimSpace(line), "D: ")
		switch {
		case !deliver:
			conn.Run(line)
		case strings.HasPrefix(name, "<ask "):
			s.askDoor(strings.TrimSuffix(strings.TrimPrefix(name, "<ask "), ">"))
		case strings.HasPrefix(name, "<forget "):
			s.forgetLearnt(t, strings.TrimSuffix(strings.TrimPrefix(name, "<forget "), ">"))
		case name == "<answered>":
			s.awaitAnswers()
		case name == "<lose>":
			s.loseLock(t)
		case name == "<quit>":
			awaitQuit(t, conn)
		case name == "<term>":
			_, err := tell.Write([]byte{0})
			require.OK(t, err)
		default:
			s.deliverLate(t, name)
		}
	}
	conn.Close()
	<-ended
	text, rerr := os.ReadFile(logFile.Name())
	require.OK(t, rerr)
	logformat.Test(t, string(text))
	s.checkSeconds(t, string(text), time.Since(began))
	return string(text), err
}

// checkSeconds: what the log's end says of a session's length is within that of the
// dialogue, and not under VODMR_IDLE if that is over.
func (s *site) checkSeconds(t testing.TB, log string, most time.Duration) {
	t.Helper()
	_, end, _ := strings.Cut(log, " 4711 end ")
	_, rest, _ := strings.Cut(end, " seconds=")
	text, _, _ := strings.Cut(rest, " ")
	seconds, err := strconv.Atoi(text)
	require.OK(t, err)
	least := 0
	if strings.Contains(end, "VODMR_IDLE is over") {
		least, _ = strconv.Atoi(s.config["VODMR_IDLE"])
	}
	if seconds < least || seconds > int(most.Seconds()) {
		t.Errorf("the session took %d seconds by its log, want %d to %v:\n%s", seconds, least, most, log)
	}
}

// deliverLate delivers one of the archive's late files.
func (s *site) deliverLate(t testing.TB, name string) {
	text, ok := s.files["late/"+name]
	if !ok {
		t.Fatalf("there is no late/%s", name)
	}
	s.deliver(t, name, text)
}

// deliver puts a file into new, as a delivering process does. It may be called while
// sessions run, so it must leave the site's maps alone.
func (s *site) deliver(t testing.TB, name, text string) {
	tmp := filepath.Join(s.maildir, "tmp", name)
	require.OK(t, os.WriteFile(tmp, []byte(text), 0o600))
	require.OK(t, os.Link(tmp, filepath.Join(s.maildir, "new", name)))
	require.OK(t, os.Remove(tmp))
}

// left lists the files in new and cur.
func (s *site) left(t testing.TB) string {
	var names []string
	for _, dir := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(s.maildir, dir))
		require.OK(t, err)
		for _, e := range entries {
			names = append(names, dir+"/"+e.Name()+"\n")
		}
	}
	sort.Strings(names)
	return strings.Join(names, "")
}

// queued returns what qmail-queue got, as lines and as one text.
func (s *site) queued(t testing.TB) (envelopes, messages string) {
	names, err := filepath.Glob(filepath.Join(s.root, "qmail/queue/*.envelope"))
	require.OK(t, err)
	var lines []string
	for _, name := range names {
		envelope, err := os.ReadFile(name)
		require.OK(t, err)
		fields := strings.Split(strings.TrimSpace(string(envelope)), "\n")
		to := strings.Join(fields[1:], " ")
		lines = append(lines, fmt.Sprintf("<%s> -> <%s>\n", fields[0][1:], strings.TrimPrefix(to, "T")))
		message, err := os.ReadFile(strings.TrimSuffix(name, "envelope") + "message")
		require.OK(t, err)
		messages += string(message)
	}
	sort.Strings(lines)
	return strings.Join(lines, ""), messages
}

// TestDialogues plays every file of testdata/dialogues.
func TestDialogues(t *testing.T) {
	names, err := filepath.Glob("testdata/dialogues/*.txtar")
	require.OK(t, err)
	if len(names) < 50 {
		t.Fatalf("only %d dialogues found", len(names))
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.OK(t, err)
			if strings.HasPrefix(filepath.Base(name), "standing-") {
				t.Parallel() // it waits
			}
			s := newSite(t, archive)
			log, err := s.run(t, s.files["dialogue"])
			s.check(t, log, err)
		})
	}
}

func (s *site) check(t testing.TB, log string, err error) {
	if diff := cmp.Diff(s.files["left"], s.left(t)); diff != "" {
		t.Errorf("left in the Maildir (-want +got):\n%s", diff)
	}
	envelopes, messages := s.queued(t)
	if diff := cmp.Diff(s.files["queue"], envelopes); diff != "" {
		t.Errorf("given to qmail-queue (-want +got):\n%s", diff)
	}
	for pattern := range strings.Lines(s.files["bounce"]) {
		if !anyLine(messages, strings.TrimSuffix(pattern, "\n")) {
			t.Errorf("no line %q in\n%s", strings.TrimSpace(pattern), messages)
		}
	}
	matchLog(t, s.files["log"], log)
	s.checkDoor(t)
	if notes, ok := s.files["notes"]; ok {
		matchLog(t, notes, s.readNotes(t))
	}
	if want := s.config["exit"]; want != "" && want != strconv.Itoa(ExitCode(err)) {
		t.Errorf("exit code %d (%v), want %s", ExitCode(err), err, want)
	}
}

func anyLine(text, pattern string) bool {
	for line := range strings.Lines(text) {
		if dialogue.Match(pattern, strings.TrimSuffix(line, "\n")) {
			return true
		}
	}
	return false
}

// matchLog compares all lines of a log with patterns.
func matchLog(t testing.TB, want, got string) {
	t.Helper()
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i, line := range gots {
		line = strings.TrimPrefix(line, "vodmr-relay: 4711 ")
		if i >= len(wants) || !dialogue.Match(wants[i], line) {
			t.Errorf("log line %d is %q; the log:\n%s", i+1, line, got)
			return
		}
	}
	if len(wants) > len(gots) {
		t.Errorf("the log ends before %q:\n%s", wants[len(gots)], got)
	}
}
