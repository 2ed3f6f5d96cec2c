package main

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A recordTap is the customer's end of a connection, which counts the records of
// application data that pass: their sizes on the wire, headers included.
type recordTap struct {
	net.Conn
	pending []byte

	mu    sync.Mutex
	sizes []int
}

const recordHeader = 5

func (r *recordTap) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.pending = append(r.pending, p[:n]...)
	for len(r.pending) >= recordHeader {
		size := recordHeader + int(binary.BigEndian.Uint16(r.pending[3:]))
		if len(r.pending) < size {
			break
		}
		const applicationData = 23
		if r.pending[0] == applicationData {
			r.mu.Lock()
			r.sizes = append(r.sizes, size)
			r.mu.Unlock()
		}
		r.pending = r.pending[size:]
	}
	return n, err
}

// take returns the sizes since the last call.
func (r *recordTap) take() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	sizes := r.sizes
	r.sizes = nil
	return sizes
}

// overhead is what a record costs beyond what it carries, for the suites that
// the two agree on here: header, tag, and the type (TLS 1.3) or the nonce.
var overhead = map[uint16]int{tls.VersionTLS13: 5 + 1 + 16, tls.VersionTLS12: 5 + 8 + 16}

// Fetchmail needs this: no record above 8000 bytes, and of each block the last
// byte in a record of its own.
func TestRecordsForFetchmail(t *testing.T) {
	ca, cert := servercert(t)
	sizes := []int{1, 2, 100, 7936, 7937, 7938, 8000, 8192, 8300, 20_000, 32 << 10, 100_000, 1 << 20}
	for version, extra := range overhead {
		for _, flags := range [][]string{{"-c", cert}, {"-s", "-c", cert}} {
			t.Run(fmt.Sprintf("%s %s", tls.VersionName(version), flags[0]), func(t *testing.T) {
				part := "blocks"
				if flags[0] == "-s" {
					part = "tlsblocks"
				}
				cmd := wrap(flags, prog(part))
				cmd.Env = append(os.Environ(), "TEST_SIZES="+strings.Trim(strings.ReplaceAll(fmt.Sprint(sizes), " ", ","), "[]"))
				p := dialogue.Start(t, cmd)
				tap := &recordTap{Conn: p.Net()}
				config := trusting(ca)
				config.MaxVersion = version
				config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
				conn := tls.Client(tap, config)
				if err := conn.Handshake(); err != nil {
					t.Fatal(err)
				}
				// TLS 1.3's handshake looks like data, and nothing has been read
				// behind it; TLS 1.2's does not, and data may have come with it.
				if version == tls.VersionTLS13 {
					tap.take()
				}
				for _, size := range sizes {
					if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
						t.Fatal(err)
					}
					checkRecords(t, size, tap.take(), extra)
					if _, err := conn.Write([]byte("k")); err != nil {
						t.Fatal(err)
					}
				}
				ended(t, p, 0)
			})
		}
	}
}

func checkRecords(t *testing.T, block int, sizes []int, extra int) {
	t.Helper()
	total := 0
	for _, size := range sizes {
		if size > 8000 {
			t.Errorf("block of %d: a record of %d bytes", block, size)
		}
		total += size - extra
	}
	if total != block {
		t.Errorf("block of %d: the records hold %d bytes: %v", block, total, sizes)
	}
	if last := sizes[len(sizes)-1]; last != extra+1 {
		t.Errorf("block of %d: the last record holds %d bytes, want 1", block, last-extra)
	}
	// A small block comes in one piece, and then nothing but its end is cut off.
	if want := min(block, 2); block <= 7937 && len(sizes) != want {
		t.Errorf("block of %d: %d records, want %d: %v", block, len(sizes), want, sizes)
	}
}

// Both ends write at once, more than any buffer holds, and neither reads before
// it has to. All of it arrives.
func TestBothWaysAtOnce(t *testing.T) {
	ca, cert := servercert(t)
	for _, megabytes := range []int{1, 64} {
		t.Run(strconv.Itoa(megabytes)+" MiB", func(t *testing.T) {
			total := megabytes << 20
			cmd := wrap([]string{"-c", cert}, prog("both"))
			cmd.Env = append(os.Environ(), "TEST_BYTES="+strconv.Itoa(total))
			p := dialogue.Start(t, cmd)
			c := secured(t, p, trusting(ca)).Net()
			written := make(chan error, 1)
			go func() {
				_, err := io.CopyN(c, new(counting), int64(total))
				written <- err
			}()
			if !isCounting(io.LimitReader(c, int64(total)), total) {
				t.Error("the customer got other bytes than the program wrote")
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			if peak := peakMemory(t, p.PID()); peak > 40<<10 {
				t.Errorf("vodmr-tls took %d kB of memory", peak)
			}
			c.Close()
			ended(t, p, 0)
		})
	}
}

// peakMemory is the most that a process has used, in kB; 0 if the system does
// not say. The process waits for its customer to close.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kB int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			return kB
		}
	}
	t.Fatalf("no VmHWM in %s", status)
	return 0
}

// The program ends at once, with a customer that still sends and has read
// nothing: what the program wrote arrives whole, over TCP too.
func TestProgramEndsWhileTheCustomerSends(t *testing.T) {
	ca, cert := servercert(t)
	const total = 300_000
	program := shell(`head -c ` + strconv.Itoa(total) + ` /dev/zero`)
	conn, end := overTCP(t, wrap([]string{"-c", cert}, program))
	c := tls.Client(conn, trusting(ca))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	// Vodmr-tls waits lingerTime for the end of it, so that none of it is computed here.
	_, _ = c.Write(make([]byte, 4<<20))
	got, err := io.ReadAll(c)
	if err != nil || len(got) != total {
		t.Errorf("got %d bytes and %v, want %d and the end", len(got), err, total)
	}
	c.Close()
	if code, log := end(); code != 0 || withoutUserZero(log) != "" {
		t.Errorf("exit code %d, log %s", code, log)
	}
}

func TestOpenSSL(t *testing.T) {
	openssl := require.Program(t, "openssl")
	ca, cert := servercert(t)
	authorities := file(t, ca.pem)
	for _, mode := range [][]string{nil, {"-starttls", "smtp"}} {
		flags, program := []string{"-c", cert}, shell(`printf '220 prog\r\n'; read a; test "$a" = "$(printf 'QUIT\r')" && exit 7`)
		if mode != nil {
			flags, program = []string{"-s", "-c", cert}, prog("smtp")
		}
		address, end := dialogue.UnderTCPServer(t, wrap(flags, program))
		cmd := exec.Command(openssl, append([]string{"s_client", "-quiet", "-crlf", "-connect", address,
			"-CAfile", authorities, "-verify_return_error", "-verify_hostname", "mail.example.net"}, mode...)...)
		cmd.Stdin = strings.NewReader("QUIT\n")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v: %s", mode, err, out)
		}
		if code, log := end(); code != 7 || withoutUserZero(log) != "" {
			t.Errorf("%q: exit code %d, log %s; openssl said %s", mode, code, log, out)
		}
	}
}
