package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// runGigabyte measures one message of 1 GiB, by BDAT and by DATA.
func runGigabyte(b *bench, r row) ([]result, error) {
	const size = 1 << 30
	if free, err := freeKiB(b.work); err == nil && free < 2*size/1024 {
		return nil, fmt.Errorf("skipped: %s has %d MiB free, and 2048 are needed", b.work, free/1024)
	}
	var results []result
	for _, name := range []string{"chunking", "nothing"} {
		mode, _ := modeNamed(name)
		one, err := b.single(mail{messages: 1, copies: 1, size: size}, mode)
		if err != nil {
			return results, err
		}
		if one.row = r.name; name != "chunking" {
			one.row += "-" + name
		}
		one.note = fmt.Sprintf("%.0f MiB/s", size/one.seconds/(1<<20))
		results = append(results, one)
	}
	return results, nil
}

// single relays one large message.
func (b *bench) single(m mail, mode mode) (result, error) {
	home, err := b.home()
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(home)
	folder, err := makeMaildir(home)
	if err != nil {
		return result{}, err
	}
	if err := m.writeLarge(filepath.Join(folder, m.name(0))); err != nil {
		return result{}, err
	}
	o, err := b.session(home, mode.server(), &link{})
	one := newResult(m, mode, &link{}, o)
	return one, errors.Join(err, allArrived(home, m, o))
}

// writeLarge writes a message piece by piece; all of its blocks are allocated.
func (m mail) writeLarge(path string) error {
	piece := mail{messages: 1, copies: 1, size: 1 << 20}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(piece.envelope(0) + piece.content(0))
	filler := piece.filler()
	for range m.size/piece.size - 1 {
		_, _ = w.WriteString(filler)
	}
	return errors.Join(w.Flush(), f.Close())
}

// freeKiB asks df, the output of which POSIX defines, for the free space of a folder.
func freeKiB(folder string) (int64, error) {
	out, err := exec.Command("df", "-Pk", folder).Output()
	if err != nil {
		return 0, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 4 {
		return 0, fmt.Errorf("df says %q", out)
	}
	return strconv.ParseInt(fields[3], 10, 64)
}
