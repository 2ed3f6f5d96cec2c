package integration

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/mtafront"
	"vodmr/test/kit/overlay"
	"vodmr/test/kit/require"
)

// A frontSite is a provider without qmail: a real mail server fills the Maildir, and
// vodmr runs beside it, so that bounces go through the same server.
type frontSite struct {
	*mtafront.Server
	site *site // only what atrn needs to log in
}

// startFront starts a mail server as a front.
func startFront(t testing.TB, kind mtafront.Kind) *frontSite {
	t.Helper()
	require.Root(t, "only root makes a tree for a mail server that must be installed")
	dir := publicDir(t)
	server, err := kind.Start(dir, freePort(t), filepath.Dir(program(t, "vodmr")))
	if errors.Is(err, overlay.ErrMissing) {
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
	f := &frontSite{server, &site{dir: dir, login: mtafront.Login, passfile: filepath.Join(dir, "password"),
		trust: []string{"-T", "none"}, home: server.Home()}}
	account{0, 0}.write(t, f.site.passfile, mtafront.Password+"\n", 0o600)
	return f
}

func showLogs(t testing.TB, dir string) {
	for _, name := range names(t, dir) {
		showLog(t, filepath.Join(dir, name))
	}
}

// listen starts tcpserver with the chain, beside the mail server. The settings are
// variables for it.
func (f *frontSite) listen(t testing.TB, settings ...string) *provider {
	t.Helper()
	cmd, err := f.Provider(settings...)
	if err != nil {
		t.Fatal(err)
	}
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

// forwarded is how a message begins that local(8) of Postfix forwarded. The line in the
// middle is its own too.
var forwarded = regexp.MustCompile(`^(Received: by .* \(Postfix\)\n\tid .*\n)Delivered-To: .*\n(Received: )`)

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
		content := forwarded.ReplaceAllString(string(text[at:]), "$1$2")
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
