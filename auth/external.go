package auth

// External is the mechanism EXTERNAL (RFC 4422 appendix A): the client has shown a
// certificate in the TLS handshake, and says only which login it means. The hash of its
// public key reaches the checkpassword program on another way.
func External() Mechanism {
	return Mechanism{Name: "EXTERNAL", Certificate: true, Exchange: func(client Client, initial string) (Credentials, error) {
		login, err := client.First(initial, "")
		if err != nil {
			return Credentials{}, err
		}
		// The section lets a client leave its name to the server. A key may be that of more
		// than one login here, and the log would have no name for a refusal.
		if login == "" {
			return Credentials{}, ReplyNoIdentity()
		}
		if !clean(login) {
			return Credentials{}, ReplyBadResponse()
		}
		return Credentials{Login: login, External: true}, nil
	}}
}
