package check

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/qmail"
)

const (
	notSetuid  kind = "wrong | is not setuid to the owner of the queue | chown it to qmailq, and then chmod 4711: without that it cannot write the queue"
	notRunning kind = "wrong | does not run, so no mail is delivered | start it: svc -u on its service; until then mail lies in the queue, bounces too"
	noSendmail kind = "wrong | is not there, so vodmr-sendmail can send no bounce | install a mail server that has sendmail(1), or name one by its absolute path in VODMR_SENDMAIL in env"
	noBouncer  kind = "wrong | can be sent by no program | install vodmr-sendmail beside vodmr-relay, or set QMAILQUEUE in env; until then what should bounce stays"
	farQueue   kind = "doubtful | lies on a network file system | move it to a disk of this host: qmail names its files by their inodes"
	heldLocal  kind = "wrong | is 0, so qmail-send holds all local mail back | write a number above 0, or remove the file, and start qmail-send again"
)

const queueProgram = "bin/qmail-queue"

// checkQueue looks at the program that takes bounces.
func checkQueue(s *site, r *report) {
	queue := s.queue()
	name := cmp.Or(queue.Program, queueProgram)
	if queue.Program == "" && !s.hasQmail() {
		r.sayIf(!s.fills("qmail") && s.service.env["VODMR_BOUNCE"] != "customer", "bounces", noBouncer, "")
		return
	}
	path := within(s.Qmail, name)
	ofQmail := filepath.Clean(path) == filepath.Clean(s.home.Path(queueProgram))
	sound := r.canRun(name, path, append(s.readers(), ids{known: true})...) &&
		(filepath.Base(name) != "vodmr-sendmail" || hasSendmail(s, r)) &&
		(!ofQmail || writesQueue(s, r, name, path))
	r.okIf(sound, name, "takes bounces")
}

// queue is the program that vodmr-relay gives bounces to. It looks beside itself, and in its
// PATH.
func (s *site) queue() qmail.Queue {
	beside := ""
	for _, name := range s.service.runs {
		if filepath.Base(name) == "vodmr-relay" && strings.HasPrefix(name, "/") {
			beside = filepath.Dir(name)
		}
	}
	return qmail.FindQueue(s.home, s.service.env["QMAILQUEUE"], beside, cmp.Or(s.service.env["PATH"], os.Getenv("PATH")))
}

// hasSendmail looks at the program that vodmr-sendmail runs.
func hasSendmail(s *site, r *report) bool {
	program := cmp.Or(s.service.env["VODMR_SENDMAIL"], s.mailer)
	if _, err := stat(program); missing(err) || !strings.HasPrefix(program, "/") {
		r.say(program, noSendmail, "")
		return false
	}
	return r.canRun(program, program, s.readers()...)
}

// writesQueue reports if qmail's own program gets the rights of the queue's owner.
func writesQueue(s *site, r *report, name, path string) bool {
	st, err := stat(path)
	if err != nil {
		return true // said already
	}
	if st.mode&fs.ModeSetuid == 0 {
		r.say(name, notSetuid, st.mode.String())
		return false
	}
	queue, err := stat(s.Qmail + "/queue/pid")
	if err == nil && queue.uid != st.uid {
		r.say(name, notSetuid, "it belongs to uid "+strconv.Itoa(int(st.uid))+", and the queue to uid "+strconv.Itoa(int(queue.uid)))
		return false
	}
	return true
}

// checkSend looks if qmail-send runs: it alone reads the FIFO by which qmail-queue
// wakes it. Opening the FIFO wakes it too, and it looks for new mail. It makes as many local
// deliveries at once as concurrencylocal says.
func checkSend(s *site, r *report) {
	if !s.hasQmail() {
		return
	}
	path := s.home.Path("queue/lock/trigger")
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() == fs.ModeNamedPipe {
		wakeSend(r, path)
	} else if err == nil {
		r.say("qmail-send", notRunning, path+" is no FIFO: "+info.Mode().String())
	} else if !missing(err) {
		r.unreadable("qmail-send", err)
	}
	line, _, err := s.line("concurrencylocal")
	r.sayIf(err == nil && line != "" && number(line, 1) == 0, "control/concurrencylocal", heldLocal, "")
}

// wakeSend opens the FIFO as qmail-queue does.
func wakeSend(r *report, path string) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENXIO):
		r.say("qmail-send", notRunning, "nobody reads "+path)
	case err != nil:
		r.unreadable("qmail-send", err)
	default:
		_ = unix.Close(fd)
		r.ok("qmail-send", "runs")
	}
}

// checkQueueDisk looks at the file system that holds the queue.
func checkQueueDisk(s *site, r *report) {
	if s.hasQmail() {
		checkDisk(s, r, s.Qmail+"/queue")
		found, err := s.disk(s.Qmail + "/queue")
		r.sayIf(err == nil && found.Network != "", s.Qmail+"/queue", farQueue, found.Network)
	}
}

const (
	diskFull   kind = "wrong | its disk is full | make room: qmail defers all mail and bounces cannot be queued"
	diskTight  kind = "doubtful | its disk is nearly full | make room before mail is deferred"
	inodesFull kind = "wrong | its disk has no room for more files | remove files: qmail defers all mail, and each message is a file"
)

const (
	leastFree = 16 << 20 // bytes
	tightPart = 20       // a twentieth
)

// checkDisk looks at the file system that holds path.
func checkDisk(s *site, r *report, path string) {
	if _, err := stat(path); err != nil {
		return
	}
	found, err := s.disk(path)
	switch {
	case err != nil:
		r.say(path, cannotSee, "its disk: "+err.Error())
	case found.Free < leastFree:
		r.say(path, diskFull, fmt.Sprintf("%d bytes are free", found.Free))
	case found.Files > 0 && found.Unused < found.Files/1000+1:
		r.say(path, inodesFull, fmt.Sprintf("%d inodes are free", found.Unused))
	case found.Free < found.Size/tightPart:
		r.say(path, diskTight, fmt.Sprintf("%d MB are free", found.Free>>20))
	default:
		r.ok(path, fmt.Sprintf("%d MB are free on its disk", found.Free>>20))
	}
}

func diskKinds() []kind { return []kind{diskFull, diskTight, inodesFull} }
