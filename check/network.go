package check

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
	"vodmr/relay/grant"
)

const (
	noNetLock kind = "wrong | cannot be locked over the network | let its file system keep fcntl locks: over NFS the lock daemon must run on both sides, without nolock; until then ATRN gets 451"
	unlooked  kind = "doubtful | is not looked at for what other hosts do | set VODMR_LOOK=\"15\" for the service: on this system sessions cannot tell that the Maildir is on a network"
	seldom    kind = "doubtful | is seldom looked at for what other hosts do | lower VODMR_LOOK, or leave it out for 15 seconds"
)

// longLook is a VODMR_LOOK that customers notice.
const longLook = time.Minute

// checkNetwork says what it means that other hosts may change the Maildir, if its file
// system is one of a network.
func checkNetwork(b *openBox, r *report) {
	found, err := b.site.disk(b.dir)
	if err != nil || found.Network == "" {
		return
	}
	if err := b.site.lock(b.dir + "/tmp"); err != nil {
		r.say(b.dir, noNetLock, found.Network+": "+err.Error())
		return
	}
	look := b.m.grant.Settings.Look
	if look == 0 && found.Unseen {
		r.say(b.dir, unlooked, found.Network)
		return
	}
	if look == 0 {
		look = grant.LookStandard
	}
	every := strconv.Itoa(int(look.Seconds())) + " seconds (VODMR_LOOK)"
	if look > longLook {
		r.say(b.dir, seldom, "every "+every)
		return
	}
	r.ok(b.dir, "is on a network file system, "+found.Network+": a standing session looks every "+every+
		", so another host's new mail may wait so long, and a login that takes the mailbox over")
}

// tryLock locks a file of its own in a Maildir's tmp, and removes it. If the file cannot be
// made, nothing is known about locks: the error is nil.
func tryLock(tmp string) error {
	path := fmt.Sprintf("%s/%d.%d.vodmr-check", tmp, time.Now().Unix(), os.Getpid())
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|sys.Safely, 0o600)
	if err != nil {
		return nil
	}
	defer unix.Unlink(path)
	defer unix.Close(fd)
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	err = sys.Retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &whole) })
	if errors.Is(err, unix.ENOLCK) {
		return errors.New("no locks available (ENOLCK)")
	}
	return err
}
