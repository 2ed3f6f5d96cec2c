package main

import (
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/sys"
)

// credentialsFD is the descriptor that a checkpassword program reads.
const credentialsFD = 3

// readCredentials reads descriptor fd to its end. The exit code is 0 if the
// input is what the interface promises; an input that is too long is refused.
func readCredentials(fd int) (auth.Credentials, int) {
	buf := make([]byte, auth.MaxCredentials+1)
	n := 0
	for n < len(buf) {
		got, err := sys.RetryN(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil {
			return auth.Credentials{}, say(exitMisuse, "descriptor 3: "+err.Error())
		}
		if got == 0 {
			return splitCredentials(string(buf[:n]))
		}
		n += got
	}
	return auth.Credentials{}, say(exitRefused, "descriptor 3: more than 512 bytes")
}

// splitCredentials takes apart `login NUL secret NUL challenge NUL`. If there
// is more, a NUL was smuggled into a field, or the caller speaks a later form of
// the interface: refused.
func splitCredentials(input string) (auth.Credentials, int) {
	f := strings.Split(input, "\x00")
	if len(f) < 3 {
		return auth.Credentials{}, say(exitMisuse, "descriptor 3: want login, password and challenge")
	}
	if len(f) > 4 || f[len(f)-1] != "" {
		return auth.Credentials{}, say(exitRefused, "descriptor 3: more than login, password and challenge")
	}
	c := auth.Credentials{Login: f[0], Secret: f[1]}
	if len(f) == 4 {
		c.Challenge = f[2]
	}
	return c, 0
}
