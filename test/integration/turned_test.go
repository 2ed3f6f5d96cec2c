package integration

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A turned connection is a customer that the test itself plays: it has logged
// in and the roles have turned. It says nothing until it is told to.
type turned struct {
	net.Conn
	in *bufio.Reader
}

// turn logs in over conn and says ATRN, which must be answered with 250.
func (s *site) turn(t testing.TB, conn net.Conn) *turned {
	t.Helper()
	c := s.logIn(t, conn)
	if reply := c.ask(t, "ATRN "+s.domain); !strings.HasPrefix(reply, "250") {
		t.Fatalf("ATRN: %s", reply)
	}
	return c
}

// logIn greets and authenticates over conn, which is closed with the test.
func (s *site) logIn(t testing.TB, conn net.Conn) *turned {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	defer conn.SetDeadline(time.Time{})
	c := &turned{conn, bufio.NewReader(conn)}
	c.reply(t)
	c.ask(t, "EHLO customer.test")
	reply := c.ask(t, "AUTH CRAM-MD5")
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(reply, "334 "))
	if err != nil {
		t.Fatalf("%q: %v", reply, err)
	}
	mac := hmac.New(md5.New, []byte(s.password))
	mac.Write(challenge)
	response := s.login + " " + hex.EncodeToString(mac.Sum(nil))
	reply = c.ask(t, base64.StdEncoding.EncodeToString([]byte(response)))
	if !strings.HasPrefix(reply, "235") {
		t.Fatalf("AUTH: %s", reply)
	}
	return c
}

// ask sends one line and gives the reply.
func (c *turned) ask(t testing.TB, line string) string {
	t.Helper()
	c.say(t, line)
	return c.reply(t)
}

// say sends one line.
func (c *turned) say(t testing.TB, line string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		t.Fatal(err)
	}
}

// reply reads a reply and gives its last line.
func (c *turned) reply(t testing.TB) string {
	t.Helper()
	for {
		line := c.line(t)
		if len(line) < 4 || line[3] != '-' {
			return line
		}
	}
}

// line reads one line.
func (c *turned) line(t testing.TB) string {
	t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, then %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
