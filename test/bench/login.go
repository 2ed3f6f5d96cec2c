package main

import (
	"net"

	"vodmr/test/kit/loopback"
)

// logIn connects as a customer and logs in by CRAM-MD5 (RFC 2195).
func logIn(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := loopback.CRAMMD5(conn, login, password); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
