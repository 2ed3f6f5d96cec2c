package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/proxyheader"
)

// Root reads nothing from the network. If vodmr-proxy is root, a second process reads the
// header, without any rights, and hands on what stands in it. It may be in a stranger's
// hands by then. The first process checks each field, and becomes the next program once the
// reader has ended.

const (
	// readerName is argument 0 of a process that is to read.
	readerName = "vodmr-reader"
	// readerVariable tells it its account.
	readerVariable = "VODMR_READER_ACCOUNT"
)

// The reader's answer is one of these letters, and a header or the words of an error.
const (
	answerHeader  = 'h'
	answerRefused = 'r'
	answerTrouble = 't'
)

// maxAnswer is how long an answer is at most, in bytes.
const maxAnswer = 512

// readerGrace is for how long the reader may take beyond the times that it keeps itself, and
// how long it may be there after its answer.
const readerGrace = 5 * time.Second

var (
	// errTrouble is trouble of this machine: the balancer did nothing wrong.
	errTrouble = errors.New("the header cannot be read")
	// errHijacked is something that our reader never does.
	errHijacked = errors.New("the process that reads the header may be in a stranger's hands")
)

// startReader runs this very program again as the reader, and returns its header.
func startReader(args, environ []string) (proxyheader.Header, error) {
	// The starter may have left open a lock or a log, which are not for this process.
	fdio.CloseOnExec(3)
	self, err := os.Executable()
	if err != nil {
		return proxyheader.Header{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	in, out, err := fdio.Pipe()
	if err != nil {
		return proxyheader.Header{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	defer unix.Close(in)
	argv := append([]string{readerName}, args...)
	reader, err := child.StartBarred(self, argv, &syscall.ProcAttr{Env: environ, Files: []uintptr{0, uintptr(out), 2}})
	unix.Close(out)
	if err != nil {
		return proxyheader.Header{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	defer reader.Close()
	header, err := hear(in)
	// It must be gone: nobody else may read what comes behind the header. Root without CAP_KILL
	// cannot kill it. Then it is left alone with its connection.
	if !reader.EndsWithin(readerGrace) {
		reader.Kill()
		return proxyheader.Header{}, errors.Join(errHijacked, err)
	}
	return header, err
}

// hear reads the reader's answer, up to the end of the pipe.
func hear(pipe int) (proxyheader.Header, error) {
	conn := fdio.New(pipe, pipe)
	_ = conn.SetDeadline(time.Now().Add(checkTime + headerTime + readerGrace))
	text, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	if err != nil {
		return proxyheader.Header{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	if len(text) == 0 {
		return proxyheader.Header{}, fmt.Errorf("%w: its reader ended without an answer", errTrouble)
	}
	words := string(text[1:])
	if len(text) > maxAnswer {
		return proxyheader.Header{}, errHijacked
	} else if text[0] == answerRefused {
		return proxyheader.Header{}, errors.New(words)
	} else if text[0] == answerTrouble {
		return proxyheader.Header{}, fmt.Errorf("%w: %s", errTrouble, words)
	}
	header, err := proxyheader.Parse(text[1:])
	if err != nil || text[0] != answerHeader {
		return proxyheader.Header{}, errHijacked
	}
	return header, nil
}

// serveAsReader is the reader: it gives up its rights, reads the header from descriptor 0 and
// answers on descriptor 1.
func serveAsReader(o flags, peer string) int {
	if err := confine.EnterReader(os.Getenv(readerVariable)); err != nil {
		return answer(answerTrouble, []byte(err.Error()))
	}
	header, err := read(o, peer)
	if err != nil {
		return answer(answerRefused, []byte(err.Error()))
	}
	return answer(answerHeader, header.Append(nil))
}

func answer(kind byte, text []byte) int {
	text = text[:min(len(text), maxAnswer-1)]
	if fdio.WriteAll(1, append([]byte{kind}, text...)) != nil {
		return exitTemporary
	}
	return 0
}
