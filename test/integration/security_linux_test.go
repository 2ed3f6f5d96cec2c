package integration

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// Each process of a customer's connection, as /proc shows it, stands in the file SECURITY,
// between two lines. This writes it anew.
var update = flag.Bool("update", false, "write the table of processes into SECURITY")

const (
	securityFile = "../../SECURITY"
	tableBegins  = "<table>\n"
	tableEnds    = "</table>\n"
)

// A chainOfPrograms is one way to set up a front.
type chainOfPrograms struct {
	title    string
	arrange  func(t *testing.T, s *site)
	implicit bool // TLS begins at once
	starttls bool
	balancer string // the header that a balancer sends first
}

const tlsAccount = "daemon" // in place of vodmrtls

func chainsOfPrograms() []chainOfPrograms {
	self := account{os.Geteuid(), os.Getegid()}
	checkpw := func(t *testing.T, s *site) {
		path := filepath.Join(s.dir, "clear")
		self.write(t, path, fmt.Sprintf("%s:*:%d:%d:ODMR:%s:-:%s\n", s.login, s.owner.uid, s.owner.gid, s.home, s.password), 0o600)
		s.checkpw = []string{program(t, "vodmr-checkpw"), path}
	}
	inTLS := func(words ...string) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			checkpw(t, s)
			s.front = append([]string{program(t, "vodmr-tls"), "-c", s.certify(t, self).file, "-u", tlsAccount}, words...)
		}
	}
	behindProxy := func(t *testing.T, s *site) {
		checkpw(t, s)
		s.front = []string{program(t, "vodmr-proxy"), "-n", "127.0.0.1"}
	}
	return []chainOfPrograms{
		{title: "vodmr, vodmr-checkpw", arrange: checkpw},
		{title: "vodmr, vchkpw as root", arrange: func(*testing.T, *site) {}},
		{title: "vodmr-tls (TLS at once), vodmr, vodmr-checkpw", arrange: inTLS(), implicit: true},
		{title: "vodmr-tls -s (STARTTLS), vodmr, vodmr-checkpw", arrange: inTLS("-s"), starttls: true},
		{title: "vodmr-proxy, vodmr, vodmr-checkpw", arrange: behindProxy, balancer: "PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\r\n"},
	}
}

// TestProcessesAreAsSECURITYSays: no process that reads the customer's bytes is root, and none
// waits as root behind a session. The table in SECURITY is that of a running system.
func TestProcessesAreAsSECURITYSays(t *testing.T) {
	require.Root(t, "to start a chain as a front does")
	keepDescriptors(t)
	var table strings.Builder
	for _, c := range chainsOfPrograms() {
		t.Run(c.title, func(t *testing.T) { table.WriteString(c.processes(t)) })
	}
	if t.Failed() {
		return
	}
	text := readFile(t, securityFile)
	before, rest, found := strings.Cut(text, tableBegins)
	old, after, ended := strings.Cut(rest, tableEnds)
	if !found || !ended {
		t.Fatalf("SECURITY has no place for the table: %q and %q", tableBegins, tableEnds)
	}
	if *update {
		require.OK(t, os.WriteFile(securityFile, []byte(before+tableBegins+table.String()+tableEnds+after), 0o644))
		return
	}
	if diff := cmp.Diff(old, table.String()); diff != "" {
		t.Errorf("SECURITY's table is not what runs (- SECURITY, + now; -update writes it):\n%s", diff)
	}
}

// keepDescriptors has no program inherit what this process inherited itself from the shell
// that runs the tests.
func keepDescriptors(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.OK(t, err)
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// processes goes through one session, and describes the processes of each stage.
func (c chainOfPrograms) processes(t *testing.T) string {
	s := newSite(t).standing()
	c.arrange(t, s)
	p := s.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
	master := s.tcpserver(t)
	customer := dialRaw(t, p.addr(), c.implicit)
	text := c.title + "\n"
	if c.balancer != "" {
		text += stage(t, "before the balancer's header", s, master, "vodmr-reader")
		_, err := customer.conn.Write([]byte(c.balancer))
		require.OK(t, err)
	}
	customer.expect("220 ")
	customer.say("EHLO customer.test")
	customer.expect("250 ")
	text += stage(t, "before the login", s, master, "vodmr-talker")
	if c.starttls {
		customer.say("STARTTLS")
		customer.expect("220 ")
		customer.handshake()
		text += stage(t, "in TLS, before the login", s, master, "vodmr-talker")
	}
	customer.login(s, c.implicit || c.starttls)
	text += stage(t, "logged in", s, master, "vodmr-relay")
	customer.say("ATRN")
	customer.expect("250 ")
	customer.say("220 customer.test")
	customer.expect("EHLO ")
	customer.say("250 customer.test")
	return text + stage(t, "standing", s, master, "vodmr-relay")
}

// starters are, for each process that reads from the network, those that may be root beside
// it: tcpserver, and the one that started it and waits for it.
var starters = map[string][]string{
	"vodmr-reader": {"tcpserver", "vodmr-proxy"},
	"vodmr-talker": {"tcpserver", "vodmr"},
	"vodmr-relay":  {"tcpserver"},
}

// stage describes the processes of a connection once they have settled.
func stage(t *testing.T, name string, s *site, master int, reader string) string {
	t.Helper()
	var seen string
	for same, end := 0, time.Now().Add(time.Minute); same < 5; time.Sleep(20 * time.Millisecond) {
		now := describe(t, s, master)
		same++
		if now != seen {
			seen, same = now, 0
		}
		if time.Now().After(end) {
			t.Fatalf("%s: the processes do not settle:\n%s", name, seen)
		}
	}
	var roles []string
	for line := range strings.Lines(seen) {
		word := strings.Fields(line)
		roles = append(roles, word[0])
		if word[1] == "root" && !slices.Contains(starters[reader], word[0]) {
			t.Errorf("%s: a process is root: %s", name, line)
		}
	}
	for role := range starters {
		if slices.Contains(roles, role) != (role == reader) {
			t.Errorf("%s: %s is there: %v\n%s", name, role, role != reader, seen)
		}
	}
	return "  " + name + "\n" + seen
}

// describe has a line for tcpserver and for each process below it.
func describe(t *testing.T, s *site, master int) string {
	var text strings.Builder
	for _, pid := range append([]int{master}, below(master)...) {
		status := procFields(pid)
		if status == nil || status["State"] == "Z (zombie)" {
			continue
		}
		caps := "none"
		if strings.Trim(status["CapEff"], "0") != "" {
			caps = "all"
		}
		root, _ := os.Readlink(procFile(pid, "root"))
		groups := userNames(s, status["Groups"])
		if groups == "" {
			groups = "none"
		}
		fmt.Fprintf(&text, "    %-12s %-8s %-6s %-4s %-4s %-4s %-10s %s\n", roleOf(pid),
			userNames(s, strings.Fields(status["Uid"])[1]), groups, caps,
			map[string]string{"0": "no", "1": "yes"}[status["NoNewPrivs"]],
			map[string]string{"0": "no", "2": "yes"}[status["Seccomp"]], root, descriptors(s, pid))
	}
	return text.String()
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// procFields are the lines of /proc/PID/status; nil if the process is gone.
func procFields(pid int) map[string]string {
	text, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return nil
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// below are the processes that a process started, each before its own.
func below(pid int) (list []int) {
	tasks, _ := filepath.Glob(procFile(pid, "task/*/children"))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(word)
			list = append(append(list, child), below(child)...)
		}
	}
	return list
}

// roleOf is the name that a process has: argument 0, and for what was forked from vodmr-relay
// the work that it does.
func roleOf(pid int) string {
	line, _ := os.ReadFile(procFile(pid, "cmdline"))
	name, _, _ := strings.Cut(string(line), "\x00")
	name = filepath.Base(name)
	parent, _ := strconv.Atoi(procFields(pid)["PPid"])
	if above, _ := os.ReadFile(procFile(parent, "cmdline")); name == "vodmr-relay" && string(above) == string(line) {
		return "its starter"
	}
	return name
}

// userNames puts names in the place of the numbers of this test's users and groups.
func userNames(s *site, numbers string) string {
	known := map[string]string{"0": "root", "1": "vodmrtls", strconv.Itoa(s.owner.uid): "mailbox", "65534": "vodmr"}
	var names []string
	for _, number := range strings.Fields(numbers) {
		name := known[number]
		if name == "" {
			name = number
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

// descriptors says which kinds of descriptors a process has, and how many of each.
func descriptors(s *site, pid int) string {
	counts := map[string]int{}
	entries, _ := os.ReadDir(procFile(pid, "fd"))
	for _, entry := range entries {
		link, _ := os.Readlink(procFile(pid, "fd/"+entry.Name()))
		kind, _, _ := strings.Cut(link, ":")
		if strings.HasSuffix(link, "[eventfd]") || strings.HasSuffix(link, "[eventpoll]") {
			continue // the runtime's own
		}
		if kind == "anon_inode" {
			kind = strings.Trim(strings.TrimPrefix(link, "anon_inode:"), "[]")
		} else if strings.HasSuffix(link, "/provider.log") {
			kind = "log"
		} else if strings.HasPrefix(link, s.home) {
			kind = "mailbox"
		} else if strings.HasPrefix(link, s.dir) {
			kind = strings.TrimPrefix(link, s.dir+"/")
		}
		counts[kind]++
	}
	var list []string
	for kind, count := range counts {
		list = append(list, fmt.Sprintf("%s %d", kind, count))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// tcpserver is the process id of the one that serves this site.
func (s *site) tcpserver(t *testing.T) int {
	t.Helper()
	for _, pid := range below(os.Getpid()) {
		line, _ := os.ReadFile(procFile(pid, "cmdline"))
		if strings.Contains(string(line), s.qmailHome) && roleOf(pid) == "tcpserver" {
			return pid
		}
	}
	t.Fatal("no tcpserver runs")
	return 0
}

// A rawCustomer says what the test has it say.
type rawCustomer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialRaw(t *testing.T, address string, implicit bool) *rawCustomer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.OK(t, err)
	t.Cleanup(func() { conn.Close() })
	require.OK(t, conn.SetDeadline(time.Now().Add(sessionLimit)))
	c := &rawCustomer{t, conn, bufio.NewReader(conn)}
	if implicit {
		c.handshake()
	}
	return c
}

func (c *rawCustomer) handshake() {
	c.t.Helper()
	under := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	require.OK(c.t, under.Handshake())
	c.conn, c.in = under, bufio.NewReader(under)
}

func (c *rawCustomer) say(line string) {
	c.t.Helper()
	_, err := c.conn.Write([]byte(line + "\r\n"))
	require.OK(c.t, err)
}

// expect reads lines up to one that begins so, and returns it.
func (c *rawCustomer) expect(prefix string) string {
	c.t.Helper()
	for {
		line, err := c.in.ReadString('\n')
		require.OK(c.t, err)
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
		if !strings.HasPrefix(line, "250-") {
			c.t.Fatalf("got %q, want %q", line, prefix)
		}
	}
}

// login logs in by PLAIN in TLS, otherwise by CRAM-MD5.
func (c *rawCustomer) login(s *site, inTLS bool) {
	c.t.Helper()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	if inTLS {
		c.say("AUTH PLAIN " + encode("\x00"+s.login+"\x00"+s.password))
	} else {
		c.say("AUTH CRAM-MD5")
		challenge, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.expect("334 "), "334 "))
		require.OK(c.t, err)
		c.say(encode(s.login + " " + strings.Split(cram("", s.password, string(challenge)), "\x00")[1]))
	}
	c.expect("235 ")
}
