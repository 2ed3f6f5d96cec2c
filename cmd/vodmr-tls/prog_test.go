package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// playProg is what the program behind vodmr-tls does, by the part it plays. It
// returns its exit code.
func playProg(part string) int {
	parts := map[string]func() int{
		"smtp":      playSMTP,
		"blocks":    func() int { return playBlocks(0, 1) },
		"tlsblocks": playTLSBlocks,
		"both":      playBoth,
		"open":      playOpen,
		"attach":    playAttach,
	}
	return parts[part]()
}

// A descriptor is read and written by plain system calls.
type descriptor int

func (d descriptor) Read(p []byte) (int, error) {
	n, err := unix.Read(int(d), p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (d descriptor) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Write(int(d), p[done:])
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func descriptorOf(name string) descriptor {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return -1
	}
	return descriptor(n)
}

// lineReader reads a byte at a time: the bytes behind a line stay unread.
type lineReader struct{ io.Reader }

func (r lineReader) line() (string, error) {
	var line []byte
	var b [1]byte
	for {
		if _, err := r.Read(b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[0])
	}
}

// playSMTP speaks as much SMTP as it takes to get to STARTTLS. TEST_BYTE is what
// it writes to the control descriptor, Y by default. It ends with 7 after QUIT,
// with 8 if the customer just left, and with 9 if there was no handshake.
func playSMTP() int {
	in, out := lineReader{descriptor(0)}, io.Writer(descriptor(1))
	say := func(text string) { fmt.Fprint(out, text+"\r\n") }
	secure := false
	say("220 prog")
	for {
		line, err := in.line()
		switch {
		case err != nil:
			return 8
		case line == "QUIT":
			say("221 bye")
			return 7
		case strings.HasPrefix(line, "EHLO") && secure:
			for _, setting := range sslSettings(os.Environ()) {
				say("250-" + setting)
			}
			say("250 prog")
		case strings.HasPrefix(line, "EHLO"):
			say("250-prog\r\n250 STARTTLS")
		case line == "STARTTLS" && !controlOpen():
			say("454 no TLS here")
		case line == "STARTTLS":
			say("220 go on")
			if !askForTLS() {
				say("500 plain words after the handshake")
				return 9
			}
			in.Reader, out = descriptorOf("SSLREADFD"), descriptorOf("SSLWRITEFD")
			secure = true
		default:
			say("500 said " + line)
		}
	}
}

// controlOpen reports if there is somebody at the other end of SSLCTLFD.
func controlOpen() bool {
	fds := []unix.PollFd{{Fd: int32(descriptorOf("SSLCTLFD")), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n == 0 && err == nil
}

// askForTLS writes the byte and takes the variables over.
func askForTLS() bool {
	command := os.Getenv("TEST_BYTE")
	if command == "" {
		command = "Y"
	}
	control := descriptorOf("SSLCTLFD")
	if _, err := control.Write([]byte(command)); err != nil {
		return false
	}
	list, err := io.ReadAll(control)
	if command != "Y" {
		return err == nil && len(list) == 0
	}
	text, ok := bytes.CutSuffix(list, []byte("\x00\x00"))
	for setting := range strings.SplitSeq(string(text), "\x00") {
		name, value, _ := strings.Cut(setting, "=")
		os.Setenv(name, value)
	}
	return ok && err == nil
}

// playBlocks writes one block of each size in TEST_SIZES, one write each, and
// waits for a byte before the next.
func playBlocks(from, to descriptor) int {
	in := bufio.NewReader(from)
	for size := range strings.SplitSeq(os.Getenv("TEST_SIZES"), ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return 1
		}
		if _, err := to.Write(bytes.Repeat([]byte("x"), n)); err != nil {
			return 2
		}
		if _, err := in.ReadByte(); err != nil {
			return 3
		}
	}
	return 0
}

// playTLSBlocks asks for TLS first.
func playTLSBlocks() int {
	if !askForTLS() {
		return 9
	}
	return playBlocks(descriptorOf("SSLREADFD"), descriptorOf("SSLWRITEFD"))
}

// playBoth writes TEST_BYTES bytes, and meanwhile reads as many; it ends with 0
// if both were whole.
func playBoth() int {
	n, err := strconv.Atoi(os.Getenv("TEST_BYTES"))
	if err != nil {
		return 1
	}
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() { _, failed = io.CopyN(descriptor(1), new(counting), int64(n)) })
	same := isCounting(io.LimitReader(descriptor(0), int64(n)), n)
	writing.Wait()
	if failed != nil || !same {
		return 2
	}
	return 0
}

// A counting stream has no end, and each byte tells its place.
type counting struct{ at int }

// The race detector, of which these loops need nothing, makes them thirty times slower.
//
//go:norace
func place(i int) byte { return byte(i) ^ byte(i>>8) ^ byte(i>>16) }

//go:norace
func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = place(c.at)
		c.at++
	}
	return len(p), nil
}

// isCounting reports if r holds the first n bytes of such a stream.
//
//go:norace
func isCounting(r io.Reader, n int) bool {
	buf := make([]byte, 64<<10)
	at := 0
	for at < n {
		m, err := r.Read(buf)
		for _, b := range buf[:m] {
			if b != place(at) {
				return false
			}
			at++
		}
		if err != nil {
			return at == n
		}
	}
	return at == n
}

// playOpen names the descriptors that it was started with: Go's own close
// on exec.
func playOpen() int {
	var open []string
	for fd := range 64 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			open = append(open, strconv.Itoa(fd))
		}
	}
	fmt.Fprintf(descriptor(1), "open %s\r\n", strings.Join(open, " "))
	return 0
}

// sslSettings are the variables about TLS.
func sslSettings(environ []string) []string {
	var list []string
	for _, setting := range environ {
		if strings.HasPrefix(setting, "SSL") {
			list = append(list, setting)
		}
	}
	return list
}
