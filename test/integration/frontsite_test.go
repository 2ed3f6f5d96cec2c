package integration

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/installed"
	"vodmr/test/kit/mtafront"
	"vodmr/test/kit/require"
)

// A frontSite is a provider without qmail: a real mail server fills the Maildir, and
// vodmr runs beside it, so that bounces go through the same server.
type frontSite struct {
	*mtafront.Server
	site *site // what the customer needs to log in
	etc  string
}

// startFront starts a mail server as a front, with a login for both of the customer's
// domains.
func startFront(t testing.TB, kind mtafront.Kind) *frontSite {
	t.Helper()
	require.Root(t, "only root makes a tree for a mail server that must be installed")
	dir := publicDir(t)
	server, err := kind.Start(dir, freePort(t), filepath.Dir(program(t, "vodmr")))
	if errors.Is(err, installed.ErrMissing) {
		require.Skip(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		if t.Failed() {
			showLogs(t, filepath.Dir(server.Log()))
		}
	})
	f := &frontSite{Server: server, etc: filepath.Join(dir, "etc")}
	f.site = &site{dir: dir, host: mtafront.Host, domain: mtafront.Domain, login: "odmr@" + mtafront.Domain,
		password: "tanstaaf tanstaaf", passfile: filepath.Join(dir, "password"), trust: []string{"-T", "none"},
		home: server.Home(), owner: account{mtafront.MailUser, mtafront.MailUser}}
	f.configure(t)
	return f
}

func showLogs(t testing.TB, dir string) {
	for _, name := range names(t, dir) {
		showLog(t, filepath.Join(dir, name))
	}
}

// configure writes what vodmr reads: control/me, the login, and its domains.
func (f *frontSite) configure(t testing.TB) {
	t.Helper()
	root := account{0, 0}
	root.mkdir(t, f.etc, 0o755)
	root.mkdir(t, filepath.Join(f.etc, "control"), 0o755)
	root.write(t, filepath.Join(f.etc, "control/me"), f.site.host+"\n", 0o644)
	entry := fmt.Sprintf("%s::%d:%d::%s::%s\n", f.site.login, mtafront.MailUser, mtafront.MailUser, f.Home(), f.site.password)
	f.site.owner.write(t, filepath.Join(f.etc, "vpasswd"), entry, 0o600)
	root.write(t, f.site.passfile, f.site.password+"\n", 0o600)
	rule := fmt.Sprintf("%s:allow,VODMR_DOMAINS=\"%s,%s\"\n", f.site.login, mtafront.Domain, mtafront.AliasDomain)
	compile := exec.Command(require.Program(t, "tcprules"), filepath.Join(f.etc, "rules.cdb"), filepath.Join(f.etc, "rules.tmp"))
	compile.Stdin = strings.NewReader(rule)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("tcprules: %v: %s", err, out)
	}
}

// listen starts tcpserver with the chain, beside the mail server. The settings are
// variables for it.
func (f *frontSite) listen(t testing.TB, settings ...string) *provider {
	t.Helper()
	user := fmt.Sprint(mtafront.MailUser)
	cmd, err := f.Command(require.Program(t, "tcpserver"), "-1", "-v", "-R", "-H", "-l0", "-c20", "-u"+user, "-g"+user, "127.0.0.1", "0",
		program(t, "vodmr"), f.site.host, program(t, "vodmr-checkpw"), filepath.Join(f.etc, "vpasswd"),
		program(t, "vodmr-relay"), "-q", f.etc, "-x", filepath.Join(f.etc, "rules.cdb"), "Maildir")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VODMR_MTA=" + f.MTA}, settings...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{ip: "127.0.0.1", log: filepath.Join(f.Dir, "provider.log")}
	start(t, cmd, p.log)
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		showLog(t, p.log)
		t.Fatalf("tcpserver names no port: %v", err)
	}
	p.port = strings.TrimSpace(port)
	return p
}

// A taken is one transaction that the customer's server took.
type taken struct {
	from    string
	to      []string
	content string // lines end in LF
}

// A frontCustomer is the customer's SMTP server. It refuses recipients that begin with
// unknown.
type frontCustomer struct {
	port string

	mu   sync.Mutex
	list []taken
}

func startCustomer(t testing.TB) *frontCustomer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	c := &frontCustomer{port: port}
	server := customer.Server{Pipelining: true, Chunking: true, Rcpt: refuseUnknown, Take: c.take,
		Offers: []string{"8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// atrn reports a session that broke.
			go func() { _, _ = server.Serve(conn); conn.Close() }()
		}
	}()
	return c
}

func refuseUnknown(to string) string {
	if strings.HasPrefix(to, unknown) {
		return "550 5.1.1 nobody has that address"
	}
	return ""
}

func (c *frontCustomer) take(from string, to []string, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, taken{from, to, strings.ReplaceAll(string(content), "\r\n", "\n")})
}

// all are the transactions so far.
func (c *frontCustomer) all() []taken {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]taken(nil), c.list...)
}

// storedContents are what a front's Maildir holds, without the delivery agent's own lines:
// from the server's topmost Received on. They are listed by the number of the message.
func (f *frontSite) storedContents(t testing.TB) map[string][]string {
	t.Helper()
	list := make(map[string][]string)
	for _, name := range names(t, filepath.Join(f.Maildir(), "new")) {
		text, err := os.ReadFile(filepath.Join(f.Maildir(), "new", name))
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index("\n"+string(text), "\nReceived: ")
		if at < 0 {
			t.Fatalf("%s has no Received: %.500s", name, text)
		}
		content := string(text[at:])
		list[id(content)] = append(list[id(content)], content)
	}
	return list
}

// A returned is a notice that reached a Maildir at the front.
type returned struct {
	from string // its sender, without <>
	text string
}

// returned lists the notices in the senders' Maildir.
func (f *frontSite) returned(t testing.TB) []returned {
	t.Helper()
	var list []returned
	for _, name := range names(t, filepath.Join(f.Senders(), "new")) {
		text := readFile(t, filepath.Join(f.Senders(), "new", name))
		top, _, _ := strings.Cut(text, "\nReceived: ")
		from := ""
		for line := range strings.Lines(top) {
			if field, value, _ := strings.Cut(line, ":"); strings.EqualFold(field, "Return-Path") {
				from = strings.Trim(strings.TrimSpace(value), "<>")
			}
		}
		list = append(list, returned{from, text})
	}
	return list
}
