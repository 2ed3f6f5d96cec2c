package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/mtafront"
)

// A doorCustomer is the server of a customer who can make users.
type doorCustomer struct {
	add   func(local string)
	atrn  func() []string // atrn's arguments
	words string          // how it refuses nobody
	code  string          // in front of them; Exim says no enhanced code
}

func doorCustomers() map[string]func(t *testing.T) *doorCustomer {
	return map[string]func(t *testing.T) *doorCustomer{
		"Postfix": func(t *testing.T) *doorCustomer {
			users, maps := startUsers(t)
			mx := startPostfix(t, mtafront.Domain, maps)
			return &doorCustomer{
				add:   func(local string) { users.add(local + "@" + mtafront.Domain) },
				atrn:  func() []string { return []string{"-s", "127.0.0.1:" + mx.port} },
				words: "<nobody@example.org>: Recipient address rejected: User unknown",
				code:  "550 5.1.1 ",
			}
		},
		"Exim": func(t *testing.T) *doorCustomer {
			known := strings.Replace(eximConf, "rcpt:\n", "rcpt:\n"+eximKnown, 1)
			peer := startEximPeer(t, known)
			var list strings.Builder
			return &doorCustomer{
				add: func(local string) {
					fmt.Fprintf(&list, "%s:\n", local)
					peer.file(t, "users", list.String(), 0o644)
				},
				atrn:  func() []string { return []string{"-s", "127.0.0.1:" + peer.port} },
				words: "nobody has that address",
				code:  "550 ",
			}
		},
		"a program": func(t *testing.T) *doorCustomer {
			args := []string{program(t, "customer"), filepath.Join(t.TempDir(), "Maildir"), "only"}
			return &doorCustomer{
				add:   func(local string) { args = append(args, local+"@"+mtafront.Domain) },
				atrn:  func() []string { return slices.Clone(args) },
				words: "nobody here has that address",
				code:  "550 5.1.1 ",
			}
		},
	}
}

const eximKnown = `  deny ! local_parts = lsearch;@DIR@/users
       message = nobody has that address
`

// TestDoor: a real Postfix in front refuses what the customer's server does not have: at
// once during a standing session, and from what was learnt once there is none. A refusal that is
// not known yet reaches the sender's mailbox as a notice, once.
func TestDoor(t *testing.T) {
	t.Parallel()
	for name, start := range doorCustomers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newDoorway(t, start(t)).test(t)
		})
	}
}

// A doorway is a front that asks, in front of a customer.
type doorway struct {
	*frontSite
	customer *doorCustomer
	door     string
	standing *provider // of standing sessions
	ordinary *provider
}

func newDoorway(t *testing.T, customer *doorCustomer) *doorway {
	t.Helper()
	d := &doorway{frontSite: startFront(t, mtafront.AskingPostfix(program(t, "vodmr-rcpt"))), customer: customer}
	d.door = filepath.Join(d.Dir, "door")
	account{mtafront.MailUser, mtafront.AskingGroup}.mkdir(t, d.door, 0o750)
	if err := os.Chmod(d.door, os.ModeSetgid|0o750); err != nil {
		t.Fatal(err)
	}
	d.standing = d.listen(t, "VODMR_IDLE=86400", "VODMR_NOOP=1", "VODMR_DOOR="+d.door)
	d.ordinary = d.listen(t, "VODMR_DOOR="+d.door)
	customer.add("bob")
	return d
}

func (d *doorway) test(t *testing.T) {
	d.want(t, "nobody", "250") // nobody can be asked
	d.session(t, func() {
		d.deliver(t, "bob")
		d.stored(t, 0) // it is sent at once
		for range 3 {
			d.want(t, "nobody", "550 5.1.1 <nobody@example.org>: Recipient address rejected: "+d.customer.words)
			d.want(t, "bob", "250")
		}
		d.want(t, "absent", "550 5.1.1 ")
		if n := len(d.standing.lines(t, " asked to=<nobody@")); n != 1 {
			t.Errorf("the customer's server was asked %d times", n)
		}
	})
	d.refusedOnce(t)
	d.acceptedAgain(t)
	// A session that was killed leaves its socket: what was learnt counts.
	done := background(func() (int, string) { return d.site.atrn(t, d.standing, d.customer.atrn()...) })
	eventually(t, time.Minute, "the session has a socket", func() bool {
		_, err := os.Stat(filepath.Join(d.door, mtafront.Domain))
		return err == nil
	})
	d.site.end(t, syscall.SIGKILL)
	<-done
	d.want(t, "absent", "550 5.1.1 ")
	d.want(t, "bob", "250")
	d.session(t, func() { d.want(t, "absent", "550 5.1.1 ") }) // the socket is replaced
}

// refusedOnce: without a standing session the first message to an unknown user is taken and
// returned, and the second is refused while its sender is connected.
func (d *doorway) refusedOnce(t *testing.T) {
	t.Helper()
	d.deliver(t, "gone")
	d.stored(t, 1)
	d.fetch(t, refusedAll)
	eventually(t, time.Minute, "the notice reaches its mailbox", func() bool { return len(d.returned(t)) == 1 && d.Idle() })
	notice := d.returned(t)[0]
	if notice.from != "" || !strings.Contains(notice.text, "\nTo: <ann@"+mtafront.SenderDomain+">\n") {
		t.Errorf("the notice is not nobody's, to the sender: from %q, %s", notice.from, notice.text)
	}
	words := strings.ReplaceAll(d.customer.words, "nobody@", "gone@")
	if !strings.Contains(notice.text, "\nSubject: to gone\n") || !strings.Contains(notice.text, " refused it: "+d.customer.code+words) {
		t.Errorf("the notice has not the message and %q: %s", d.customer.code+words, notice.text)
	}
	d.want(t, "bob", "250")
	if replies := d.submit(t, "gone"); len(replies) != 1 || !strings.HasPrefix(replies[0], "550 5.1.1 ") || !strings.Contains(replies[0], words) {
		t.Errorf("the second message gets %q", replies)
	}
	if n := len(d.returned(t)); n != 1 || len(d.site.waiting(t)) > 0 {
		t.Errorf("after the refusal there are %d notices, and there wait %v", n, d.site.waiting(t))
	}
}

// acceptedAgain: a user that is made is accepted after vodmr-rcpt -x, and after the customer
// has taken a message for it.
func (d *doorway) acceptedAgain(t *testing.T) {
	t.Helper()
	d.customer.add("gone")
	d.want(t, "gone", "550 5.1.1 ")
	if out, err := exec.Command(program(t, "vodmr-rcpt"), "-d", d.door, "-x", "gone@"+mtafront.Domain).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.deliver(t, "gone")
	d.customer.add("nobody")
	d.want(t, "nobody", "550 5.1.1 ")
	cmd, err := d.Sendmail("-i", "-f", "ann@"+mtafront.SenderDomain, "nobody@"+mtafront.Domain) // no door on this way
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader("Subject: to a new user\n\ntext\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sendmail: %v: %s", err, out)
	}
	d.stored(t, 2)
	d.fetch(t, 0)
	d.want(t, "gone", "250")
	d.want(t, "nobody", "250")
}

// want fails unless the front answers RCPT so.
func (d *doorway) want(t *testing.T, local, reply string) {
	t.Helper()
	if got := d.rcpt(t, local+"@"+mtafront.Domain); !strings.HasPrefix(got, reply) {
		t.Errorf("%s: the front says %q, want %q", local, got, reply)
	}
}

// submit sends a message to the front, and returns the replies.
func (d *doorway) submit(t *testing.T, local string) []string {
	t.Helper()
	content := "Subject: to " + local + "\nMessage-ID: <" + local + "@" + mtafront.SenderDomain + ">\n\ntext\n"
	replies, err := mtafront.Send(d.Port, mtafront.Mail{From: "ann@" + mtafront.SenderDomain, To: []string{local + "@" + mtafront.Domain}, Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// deliver has the front take a message.
func (d *doorway) deliver(t *testing.T, local string) {
	t.Helper()
	if replies := d.submit(t, local); len(replies) != 2 {
		t.Fatalf("a message to %s gets %q", local, replies)
	}
}

// stored waits until so many messages wait for the customer.
func (d *doorway) stored(t *testing.T, n int) {
	t.Helper()
	eventually(t, time.Minute, "the front delivers what it took", func() bool { return d.Idle() && len(d.site.waiting(t)) == n })
}

// session runs a standing session.
func (d *doorway) session(t *testing.T, run func()) {
	t.Helper()
	before := len(d.standing.lines(t, " stand "))
	done := background(func() (int, string) { return d.site.atrn(t, d.standing, d.customer.atrn()...) })
	eventually(t, time.Minute, "the session stands", func() bool { return len(d.standing.lines(t, " stand ")) > before })
	run()
	d.site.terminate(t)
	endedWell(t, done)
}

// fetch runs an ordinary session.
func (d *doorway) fetch(t *testing.T, code int) {
	t.Helper()
	if got, output := d.site.atrn(t, d.ordinary, d.customer.atrn()...); got != code {
		t.Errorf("atrn exits %d, want %d: %s", got, code, output)
	}
}
