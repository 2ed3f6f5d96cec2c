package integration

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A mode is how far the provider may run ahead: which extensions the customer's server
// must offer for it, and which are taken out of its reply to EHLO.
type mode struct {
	name    string
	needs   []string
	without []string
}

var (
	chunked   = mode{"BDAT", []string{"PIPELINING", "CHUNKING"}, nil}
	pipelined = mode{"pipelined DATA", []string{"PIPELINING"}, []string{"CHUNKING"}}
	lockStep  = mode{"lock step", nil, []string{"CHUNKING", "PIPELINING"}}
)

// through starts a relay before a server on 127.0.0.1 that forces the mode, and gives
// its port. If patience is set, it cuts a connection on which nobody says anything for so long.
func (m mode) through(t testing.TB, port string, patience time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go m.carry(t, client, port, patience)
		}
	}()
	_, own, _ := net.SplitHostPort(l.Addr().String())
	return own
}

// carry relays one connection, each end's close to the other.
func (m mode) carry(t testing.TB, client net.Conn, port string, patience time.Duration) {
	defer client.Close()
	server, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return // the client sees the connection close
	}
	defer server.Close()
	cut := time.AfterFunc(max(patience, sessionLimit), func() { client.Close(); server.Close() })
	defer cut.Stop()
	heard := func() {
		if patience > 0 {
			cut.Reset(patience)
		}
	}
	go func() {
		io.Copy(server, watched{client, heard})
		server.(*net.TCPConn).CloseWrite()
	}()
	in := bufio.NewReader(watched{server, heard})
	if greeting, err := in.ReadString('\n'); err != nil || !m.send(client, greeting) {
		return
	}
	if !m.hello(t, client, in) {
		return
	}
	io.Copy(client, in)
}

// A watched reader tells of each read.
type watched struct {
	io.Reader
	heard func()
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.heard()
	return n, err
}

func (m mode) send(w io.Writer, text string) bool {
	_, err := io.WriteString(w, text)
	return err == nil
}

// hello passes the reply to EHLO on without the lines that shall not be there.
func (m mode) hello(t testing.TB, client io.Writer, in *bufio.Reader) bool {
	var lines []string
	offered := make(map[string]bool)
	for more := true; more; {
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "250") {
			return m.send(client, line) // all that follows goes on as it is
		}
		more = line[3] == '-'
		keyword := strings.ToUpper(strings.TrimSpace(line[4:]))
		offered[keyword] = true
		if !m.drops(keyword) {
			lines = append(lines, line[4:])
		}
	}
	for _, keyword := range m.needs {
		if !offered[keyword] {
			t.Errorf("the server offers no %s", keyword)
		}
	}
	var reply strings.Builder
	for i, text := range lines {
		code := "250-"
		if i == len(lines)-1 {
			code = "250 "
		}
		reply.WriteString(code + text)
	}
	return m.send(client, reply.String())
}

func (m mode) drops(keyword string) bool {
	for _, without := range m.without {
		if keyword == without {
			return true
		}
	}
	return false
}
