package auth

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cramMD5 is the mechanism's SASL name.
const cramMD5 = "CRAM-MD5"

// CRAMMD5 is the mechanism of RFC 2195: the client proves that it knows the
// password without sending it. host is the name in the challenge, now the clock
// that it is dated by.
func CRAMMD5(host string, now func() time.Time) Mechanism {
	return Mechanism{Name: cramMD5, Exchange: func(client Client, initial string) (Credentials, error) {
		// RFC 4954 section 4: here the server speaks first.
		if initial != "" {
			return Credentials{}, ReplyNoInitial()
		}
		challenge, err := newChallenge(host, now())
		if err != nil {
			return Credentials{}, fmt.Errorf("%w (no random bytes: %w)", ReplyTrouble(), err)
		}
		response, err := client.Ask(challenge)
		if err != nil {
			return Credentials{}, err
		}
		return splitCRAM(response, challenge)
	}}
}

// maxChallenge is a challenge's length in bytes at most: of the 120 that vchkpw
// leaves for login and challenge, 64 stay for the login.
const maxChallenge = 56

// uniqueLength is how many random characters of six bits make a challenge
// unique.
const uniqueLength = 16

// digestLength is how many hexadecimal digits a response has.
const digestLength = 32

// FitsCRAM reports if vchkpw can check a login by CRAM-MD5 that is challenged
// in the name of host.
func FitsCRAM(login, host string) bool {
	unique := strings.Repeat("u", uniqueLength)
	c := Credentials{Login: login, Secret: strings.Repeat("0", digestLength), Challenge: challengeOf(unique, host, time.Now())}
	return c.Fits()
}

// newChallenge returns <unique.time@host> (RFC 2195 section 2), the host's end
// cut if it is too long: it only names the origin of the challenge.
func newChallenge(host string, now time.Time) (string, error) {
	unique, err := randomText(uniqueLength)
	if err != nil {
		return "", err
	}
	return challengeOf(unique, host, now), nil
}

func challengeOf(unique, host string, now time.Time) string {
	start := "<" + unique + "." + strconv.FormatInt(now.Unix(), 10) + "@"
	room := max(maxChallenge-len(start)-len(">"), 0)
	return start + host[:min(len(host), room)] + ">"
}

// randomText returns n random characters.
func randomText(n int) (string, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	if err := fillRandom(text); err != nil {
		return "", err
	}
	for i, b := range text {
		text[i] = alphabet[b%64]
	}
	return string(text), nil
}

// splitCRAM takes apart `login digest`. A login may hold spaces. The digest goes
// on in lower case, the only form that vchkpw takes.
func splitCRAM(response, challenge string) (Credentials, error) {
	i := strings.LastIndexByte(response, ' ')
	if i < 0 {
		return Credentials{}, ReplyBadResponse()
	}
	login, digest := response[:i], strings.ToLower(response[i+1:])
	if !clean(login) || !isDigest(digest) {
		return Credentials{}, ReplyBadResponse()
	}
	return Credentials{Login: login, Secret: digest, Challenge: challenge}, nil
}

// isDigest reports if s is an MD5 digest in lower-case hexadecimal digits.
func isDigest(s string) bool {
	return len(s) == digestLength && strings.Trim(s, "0123456789abcdef") == ""
}
