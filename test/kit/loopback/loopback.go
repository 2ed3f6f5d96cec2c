// Package loopback has the parts that measurements and fault runs share: dropping
// root's rights, a connection on this machine, and the first commands of a customer.
package loopback

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// nobody is the user and group used in place of root.
const nobody = 65534

// DropRoot drops root's rights, because vodmr-relay refuses to be root, and gives the
// folder work to the new user. If the process is not root, it does nothing.
func DropRoot(work string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chown(work, nobody, nobody); err != nil {
		return err
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(nobody); err != nil {
		return err
	}
	return syscall.Setuid(nobody)
}

// Pair makes a TCP connection on this machine.
func Pair() (near, far *net.TCPConn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := listener.Accept()
	if err != nil {
		dialled.Close()
		return nil, nil, err
	}
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn), nil
}

// hearMax is the length in bytes of the longest line that Hear reads.
const hearMax = 1000

// Hear reads a reply and returns the text of its last line behind the code, which
// must be the given one. It reads byte by byte, because the octets behind the reply
// belong to another reader.
func Hear(r io.Reader, code string) (string, error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return "", fmt.Errorf("waiting for %s, after %q: %w", code, line, err)
		}
		text, found := strings.CutPrefix(line, code)
		if !found {
			return "", fmt.Errorf("the provider says %q, not %s", line, code)
		}
		if !strings.HasPrefix(text, "-") {
			return strings.TrimSpace(text), nil
		}
	}
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(line, []byte("\n")) && len(line) < hearMax {
		if _, err := io.ReadFull(r, one); err != nil {
			return string(line), err
		}
		line = append(line, one[0])
	}
	return strings.TrimSpace(string(line)), nil
}

// CRAMMD5 reads the greeting and logs in by CRAM-MD5 (RFC 2195).
func CRAMMD5(conn io.ReadWriter, login, password string) error {
	if _, err := Hear(conn, "220"); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "AUTH CRAM-MD5\r\n"); err != nil {
		return err
	}
	text, err := Hear(conn, "334")
	if err != nil {
		return err
	}
	challenge, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("challenge %q: %w", text, err)
	}
	mac := hmac.New(md5.New, []byte(password))
	_, _ = mac.Write(challenge)
	answer := login + " " + hex.EncodeToString(mac.Sum(nil))
	if _, err := io.WriteString(conn, base64.StdEncoding.EncodeToString([]byte(answer))+"\r\n"); err != nil {
		return err
	}
	_, err = Hear(conn, "235")
	return err
}
