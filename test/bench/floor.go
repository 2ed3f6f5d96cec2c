package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"vodmr/test/kit/loopback"
)

// runFloor measures the floor program.
func runFloor(b *bench, r row) ([]result, error) {
	size := sizeNamed(strings.TrimPrefix(r.name, "floor-"))
	d := delayedRow{size: size}
	m := mail{messages: d.messagesFor(), copies: 1, size: size}
	if b.messages > 0 {
		m.messages = b.messages
	}
	one, err := b.median(repeats, func() (result, error) { return b.floor(m) })
	one.row = r.name
	return []result{one}, err
}

// floor has the floor program send a fresh Maildir to a reader that discards it.
func (b *bench) floor(m mail) (result, error) {
	home, err := b.home()
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(home)
	if err := m.fill(home); err != nil {
		return result{}, err
	}
	near, far, err := loopback.Pair()
	if err != nil {
		return result{}, err
	}
	defer near.Close()
	starter, signal, err := os.Pipe()
	if err != nil {
		return result{}, err
	}
	defer closeAll(starter, signal)
	p, err := start(exec.Command(filepath.Join(b.bin, "floor"), filepath.Join(home, "Maildir", "new")), far, starter)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	if _, err := signal.Write([]byte{0}); err != nil {
		return result{}, err
	}
	n, err := discard(near)
	o := outcome{seconds: time.Since(began).Seconds(), recipients: m.files(), wire: n}
	if err := p.wait(); err != nil {
		return result{}, err
	}
	o.cpu = p.cpu()
	if want := int64(m.files()) * int64(m.size); err == nil && n != want {
		err = fmt.Errorf("%d bytes of %d arrived", n, want)
	}
	return newResult(m, mode{says: "-"}, &link{}, o), err
}

// discard reads to the end with a buffer as large as that of the customer's server.
func discard(r io.Reader) (total int64, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func closeAll(list ...io.Closer) {
	for _, c := range list {
		_ = c.Close()
	}
}
