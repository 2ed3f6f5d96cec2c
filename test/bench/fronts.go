package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"vodmr/test/kit/loopback"
	"vodmr/test/kit/mtafront"
	"vodmr/test/kit/overlay"
)

// frontMessages is the number of messages that a front row counts.
const frontMessages = 30

// frontPrefix begins the name of each front row; the front's ID follows.
const frontPrefix = "standing-"

// frontRows are the rows of real mail servers as fronts. They need root.
func frontRows() []row {
	var list []row
	for _, kind := range mtafront.Kinds() {
		list = append(list, row{frontPrefix + kind.ID, fmt.Sprintf("%d messages to %s, one at a time, into a standing session", frontMessages, kind.Name), runFront})
	}
	return list
}

// isFront reports if a row is one of frontRows.
func (r row) isFront() bool {
	return slices.ContainsFunc(mtafront.Kinds(), func(k mtafront.Kind) bool { return r.name == frontPrefix+k.ID })
}

// runFront measures the time from the front's 250 to a message until the customer's server
// has it, in a standing session without a network delay.
func runFront(b *bench, r row) ([]result, error) {
	kinds := mtafront.Kinds()
	at := slices.IndexFunc(kinds, func(k mtafront.Kind) bool { return r.name == frontPrefix+k.ID })
	server, err := b.startFront(kinds[at])
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(server.Dir)
	defer server.Stop()
	address, end, err := b.provideAt(server)
	if err != nil {
		return nil, err
	}
	defer end()
	times, err := sendEach(server.Port, address)
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	middle, most := times[len(times)/2], times[len(times)*9/10]
	one := result{row: r.name, mode: "PIPELINING and CHUNKING", messages: len(times), size: 4 << 10, seconds: middle.Seconds()}
	one.note = fmt.Sprintf("from the front's 250 to the customer's 250: median %.1f ms, 90 of 100 within %.1f ms, slowest %.1f ms",
		milliseconds(middle), milliseconds(most), milliseconds(times[len(times)-1]))
	return []result{one}, nil
}

func (b *bench) startFront(kind mtafront.Kind) (*mtafront.Server, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: only root can start a mail server", overlay.ErrMissing)
	}
	dir, err := b.home()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	var server *mtafront.Server
	if err == nil {
		server, err = kind.Start(dir, port, b.bin)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b.stop = append(b.stop, server.Stop)
	return server, nil
}

// freePort is a port of 127.0.0.1 that nobody uses now.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return port(listener.Addr()), nil
}

// provideAt starts the chain beside a front, with standing sessions.
func (b *bench) provideAt(server *mtafront.Server) (address string, end func(), err error) {
	cmd, err := server.Provider(append(standing(), oneProcessor)...)
	if err != nil {
		return "", nil, err
	}
	log := &tail{}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() { endGroup(cmd) }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("tcpserver does not start: %s", log)
	}
	return "127.0.0.1:" + strings.TrimSpace(line), end, nil
}

func endGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	_ = cmd.Wait()
}

// sendEach sends one message after the other to a front and waits until the customer has
// it. The first one, which finds the front's programs not yet running, does not count.
func sendEach(port, provider string) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", provider)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := loopback.CRAMMD5(conn, mtafront.Login, mtafront.Password); err != nil {
		return nil, err
	}
	taken, served, turned := make(chan time.Time, 1), make(chan error, 1), make(chan bool)
	go func() { served <- turnAs(conn, taken, func() { close(turned) }) }()
	select {
	case <-turned:
	case err := <-served:
		return nil, fmt.Errorf("the session does not turn: %w", err)
	}
	var times []time.Duration
	for n := range frontMessages + 1 {
		accepted, err := sendOne(port, n)
		if err != nil {
			return nil, err
		}
		at, err := await(taken, served)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", n, err)
		}
		times = append(times, at.Sub(accepted))
		time.Sleep(20 * time.Millisecond) // until the session is waiting again
	}
	return times[1:], nil
}

// sendOne returns the time at which the front said 250 to a message of 4 KiB.
func sendOne(port string, n int) (accepted time.Time, err error) {
	m := mail{messages: n + 1, copies: 1, size: 4 << 10}
	replies, err := mtafront.Send(port, mtafront.Mail{
		From: "ann@" + mtafront.SenderDomain, To: []string{fmt.Sprintf("bob%02d@%s", n, mtafront.Domain)}, Content: m.content(n)})
	accepted = time.Now()
	if err == nil && len(replies) < 2 {
		err = fmt.Errorf("the front refuses a message: %s", replies)
	}
	return accepted, err
}

// await waits for the customer to take a message.
func await(taken <-chan time.Time, served <-chan error) (at time.Time, err error) {
	select {
	case at := <-taken:
		return at, nil
	case err := <-served:
		return at, fmt.Errorf("the session ended: %w", err)
	case <-time.After(standingPatience):
		return at, fmt.Errorf("it did not come within %v", standingPatience)
	}
}
