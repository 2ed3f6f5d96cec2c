package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/records"
)

// A customer's records may be of any size and any kind. Those that carry something arrive,
// the others end the connection soon, and none of them costs memory.
func TestOddRecords(t *testing.T) {
	ca, cert := servercert(t)
	line := strings.Repeat("x", 50_000) + "\r\n"
	message := func(kind byte, length int) []byte {
		return append([]byte{kind, byte(length >> 16), byte(length >> 8), byte(length)}, make([]byte, min(length, 12_000))...)
	}
	for name, test := range map[string]struct {
		pour    func(w *records.Writer) error
		arrives bool
		log     string // if it does not
	}{
		"a byte in each": {func(w *records.Writer) error {
			for _, b := range []byte(line) {
				if _, err := w.Write([]byte{b}); err != nil {
					return err
				}
			}
			return nil
		}, true, ""},
		// The customer, too, takes only 16 changes with no data in between.
		"new keys before each": {func(w *records.Writer) error {
			for _, part := range strings.SplitAfter(line, strings.Repeat("x", 5000)) {
				change, err := w.SealKeyUpdate()
				if err != nil {
					return err
				}
				if err := w.Send(change); err != nil {
					return err
				}
				if _, err := w.Write([]byte(part)); err != nil {
					return err
				}
			}
			return nil
		}, true, ""},
		"new keys without end": {func(w *records.Writer) error { return w.Pour(w.SealKeyUpdate) }, false, "*too many non-advancing records*"},
		"empty": {func(w *records.Writer) error {
			return w.Pour(func() ([]byte, error) { return w.Seal(records.Application, nil), nil })
		}, false, "*too many ignored records*"},
		"empty, of a handshake": {func(w *records.Writer) error {
			return w.Pour(func() ([]byte, error) { return w.Seal(records.Handshake, nil), nil })
		}, false, "*"},
		"warnings": {func(w *records.Writer) error {
			return w.Pour(func() ([]byte, error) { return w.Seal(records.Alert, []byte{1, 90}), nil })
		}, false, "*"},
		"a second ClientHello": {func(w *records.Writer) error { return w.Send(w.Seal(records.Handshake, message(1, 200))) }, false, "*"},
		"a Finished":           {func(w *records.Writer) error { return w.Send(w.Seal(records.Handshake, message(20, 32))) }, false, "*"},
		"a ticket":             {func(w *records.Writer) error { return w.Send(w.Seal(records.Handshake, message(4, 100))) }, false, "*"},
		"an endless message": {func(w *records.Writer) error {
			if err := w.Send(w.Seal(records.Handshake, message(24, 1<<24-1))); err != nil {
				return err
			}
			return w.Pour(func() ([]byte, error) { return w.Seal(records.Handshake, make([]byte, 16000)), nil })
		}, false, "*"},
		"too long": {func(w *records.Writer) error { return w.Send(w.Seal(records.Application, make([]byte, 17000))) }, false, "*"},
		"data amid a message": {func(w *records.Writer) error {
			if err := w.Send(w.Seal(records.Handshake, message(24, 1)[:2])); err != nil {
				return err
			}
			_, err := w.Write([]byte("a\r\n"))
			return err
		}, false, "*"},
	} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			p := starting(t, append(shell(`read a && printf '%s\r\n' ${#a} || exec <&- >&-; read x <$0; exit 7`), fifo), "-c", cert)
			w, err := records.Client(p.Net(), trusting(ca))
			if err != nil {
				t.Fatal(err)
			}
			heard := make(chan string, 1)
			go func() {
				text, _ := bufio.NewReader(w.Conn).ReadString('\n')
				heard <- text
			}()
			// Once TLS is broken nobody reads what still comes.
			go func() { _ = test.pour(w) }()
			if got, want := <-heard, fmt.Sprintf("%d\r\n", len(line)-1); test.arrives != (got == want) {
				t.Errorf("the program answered %q", got)
			}
			if peak := peakMemory(t, p.PID()); peak > 40<<10 {
				t.Errorf("vodmr-tls took %d kB of memory", peak)
			}
			if err := os.WriteFile(fifo, []byte("go on\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			log := ""
			if !test.arrives {
				log = `vodmr-tls: * error ip=* error="` + test.log + `"`
			}
			ended(t, p, 7, log)
		})
	}
}
