package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// A mail describes the contents of a Maildir: messages, each in a number of copies
// for different recipients. Each file has size bytes, envelope lines included.
type mail struct {
	messages, copies int
	size             int
}

const (
	domain    = "example.org"
	login     = "odmr@" + domain
	firstTime = 1795336000
)

func (m mail) files() int { return m.messages * m.copies }

// recipient of a file. All recipients have the same length, so that all files can.
func (m mail) recipient(file int) string { return fmt.Sprintf("r%07d@%s", file, domain) }

// name is a name as vdelivermail makes it; four messages arrived each second.
func (m mail) name(file int) string {
	return fmt.Sprintf("%d.%d.mail.provider.example,S=%d", firstTime+file/4, 1000+file, m.size)
}

func (m mail) envelope(file int) string {
	return fmt.Sprintf("Return-Path: <ann%02d@sender.example>\nDelivered-To: %s\n",
		file/m.copies%100, m.recipient(file))
}

// content is the text of a message, the same for all of its copies.
func (m mail) content(message int) string {
	file := message * m.copies
	header := fmt.Sprintf("Received: (qmail %d invoked by network); 22 Nov 2026 08:37:25 -0000\n"+
		"From: Ann <ann@sender.example>\nSubject: message %d\n\n", 1000+file, message)
	left := m.size - len(m.envelope(file)) - len(header)
	return header + m.filler()[m.size-left:]
}

// filler returns m.size bytes of lines; the last one ends with a newline.
func (m mail) filler() string {
	const line = "All work and no wait: the line between two servers is never left idle.\n"
	all := strings.Repeat(line, m.size/len(line)+1)
	return all[len(all)-m.size:]
}

// largest is the size in bytes of the largest message that is made in memory.
const largest = 16 << 20

// ideal is the smallest number of bytes that must cross the link: each message once,
// with CRLF, and a RCPT line for each recipient. It is 0, which means unknown, if a
// message is larger than largest.
func (m mail) ideal() int64 {
	if m.messages == 0 || m.size > largest {
		return 0
	}
	text := m.content(0)
	wire := len(text) + strings.Count(text, "\n")
	rcpts := m.copies * len("RCPT TO:<"+m.recipient(0)+">\r\n")
	return int64(m.messages) * int64(wire+rcpts)
}

// makeMaildir makes an empty Maildir in a home and returns its folder new.
func makeMaildir(home string) (string, error) {
	for _, sub := range []string{"tmp", "cur", "new"} {
		if err := os.MkdirAll(filepath.Join(home, "Maildir", sub), 0o700); err != nil {
			return "", err
		}
	}
	return filepath.Join(home, "Maildir", "new"), nil
}

// fill writes all files into a home's fresh Maildir.
func (m mail) fill(home string) error {
	folder, err := makeMaildir(home)
	if err != nil {
		return err
	}
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { errs[w] = m.write(folder, w, workers) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes every step-th message, beginning with first.
func (m mail) write(folder string, first, step int) error {
	for message := first; message < m.messages; message += step {
		content := m.content(message)
		for i := range m.copies {
			file := message*m.copies + i
			path := filepath.Join(folder, m.name(file))
			if err := os.WriteFile(path, []byte(m.envelope(file)+content), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting is the number of messages left in a home's Maildir.
func waiting(home string) (int, error) {
	left := 0
	for _, sub := range []string{"new", "cur"} {
		names, err := os.ReadDir(filepath.Join(home, "Maildir", sub))
		if err != nil {
			return 0, err
		}
		left += len(names)
	}
	return left, nil
}
