package sendmail

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
)

// run runs sendmail in a process group of its own and waits for its end. If it takes too
// long, or a signal asks this program to end, its group is asked to end, and then killed. Its own
// exit code decides even then: only it knows if the message was taken.
func (m Mailer) run(argv []string, message, output int) (status unix.WaitStatus, stopped bool, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	c, err := child.Start(m.Program, argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   m.Environ,
		Files: []uintptr{uintptr(message), uintptr(output), uintptr(output)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, false, err
	}
	defer c.Close()
	if m.endsInTime(c, signals) {
		return c.Wait(), false, nil
	}
	c.SignalGroup(syscall.SIGTERM)
	if !c.EndsWithin(m.Grace) {
		c.SignalGroup(syscall.SIGKILL)
	}
	return c.Wait(), true, nil
}

// endsInTime waits for sendmail's end. It is false after the timeout, or after a signal.
func (m Mailer) endsInTime(c *child.Child, signals <-chan os.Signal) bool {
	ended := make(chan bool, 1)
	go func() { ended <- c.EndsWithin(m.Timeout) }()
	select {
	case inTime := <-ended:
		return inTime
	case <-signals:
		return false
	}
}
