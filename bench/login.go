package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// logIn connects as a customer and logs in by CRAM-MD5 (RFC 2195).
func logIn(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := cramMD5(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func cramMD5(conn net.Conn) error {
	in := bufio.NewReader(conn)
	if _, err := reply(in, "220"); err != nil {
		return err
	}
	fmt.Fprint(conn, "AUTH CRAM-MD5\r\n")
	text, err := reply(in, "334")
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
	fmt.Fprint(conn, base64.StdEncoding.EncodeToString([]byte(answer))+"\r\n")
	_, err = reply(in, "235")
	return err
}

// reply reads a reply of one line and returns what follows its code.
func reply(in *bufio.Reader, code string) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("waiting for %s: %w", code, err)
	}
	text, found := strings.CutPrefix(strings.TrimSpace(line), code+" ")
	if !found {
		return "", fmt.Errorf("vodmr says %q, not %s", line, code)
	}
	return text, nil
}
