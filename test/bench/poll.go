package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"vodmr/test/kit/loopback"
)

// polls are how many sessions are measured, one after the other.
const polls = 1000

// runPoll measures a customer for whom nothing waits: from connect to 453, through the whole
// chain.
func runPoll(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	before := childrensTime()
	p, err := b.startProvider(home)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range polls {
		if err := pollOnce(p.address); err != nil {
			p.end()
			return nil, fmt.Errorf("%w; %s", err, p.log)
		}
	}
	seconds := time.Since(began).Seconds()
	p.end() // the time of what it ran counts for this process then
	cpu := (childrensTime() - before).Seconds()
	one := result{row: r.name, mode: "-", messages: polls, seconds: seconds, cpu: cpu}
	one.note = fmt.Sprintf("connect to 453 in %.1f ms, %.1f ms of processor time; behind %s",
		1000*seconds/polls, 1000*cpu/polls, p.name)
	return []result{one}, nil
}

// pollOnce is one session.
func pollOnce(address string) error {
	conn, err := logIn(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(standingPatience))
	if _, err := io.WriteString(conn, "ATRN\r\n"); err != nil {
		return err
	}
	if _, err := loopback.Hear(conn, "453"); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "QUIT\r\n"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// childrensTime is the processor time of children that have ended, and of theirs.
func childrensTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
