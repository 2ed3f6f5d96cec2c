package check

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const (
	notRunning kind = "wrong | does not run, so no mail is delivered | start it: svc -u on its service; until then mail lies in the queue, bounces too"
	heldLocal  kind = "wrong | is 0, so qmail-send holds all local mail back | write a number above 0, or remove the file, and start qmail-send again"
)

// checkSend looks whether qmail-send runs: it alone reads the FIFO by which qmail-queue
// wakes it. To open that wakes it too, and it looks for new mail.
func (d *doctor) checkSend() {
	path := d.home.Path("queue/lock/trigger")
	info, err := os.Lstat(path)
	switch {
	case missing(err):
		return // there is no queue, or no qmail
	case err != nil:
		d.unreadable("qmail-send", err)
	case info.Mode().Type() != fs.ModeNamedPipe:
		d.say("qmail-send", notRunning, path+" is no FIFO: "+info.Mode().String())
	default:
		d.knock(path)
	}
}

// checkConcurrency looks at how many local deliveries qmail-send makes at once.
func (d *doctor) checkConcurrency() {
	var line string
	err := d.inControl(func() (err error) {
		line, _, err = d.home.Line("concurrencylocal")
		return err
	})
	if err == nil && line != "" && number(line, 1) == 0 {
		d.say("control/concurrencylocal", heldLocal, "")
	}
}

// knock opens the FIFO as qmail-queue does.
func (d *doctor) knock(path string) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENXIO):
		d.say("qmail-send", notRunning, "nobody reads "+path)
	case err != nil:
		d.unreadable("qmail-send", err)
	default:
		_ = unix.Close(fd)
		d.ok("qmail-send", "runs")
	}
}
