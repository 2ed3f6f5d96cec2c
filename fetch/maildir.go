package fetch

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"vodmr/maildir"
)

// Maildir is a Sink that receives into a Maildir, which it makes if it is
// missing.
type Maildir struct {
	Dir     string
	Host    string        // our name in the greeting and in Received
	Domains []string      // whose recipients are taken; none for all
	Limit   int64         // the biggest message in bytes; 0 for any
	Idle    time.Duration // longest session that brings nothing; 0 for ever
	Warn    func(error)   // told why a message could not be written
}

// IdleTime is a server's shortest patience (RFC 5321 section 4.5.3.2.7), twice.
const IdleTime = 10 * time.Minute

// Open makes and opens the Maildir.
func (m Maildir) Open(context.Context) (Receiver, error) {
	named, err := filepath.Abs(m.Dir)
	if err != nil {
		return nil, later(err, "cannot find the Maildir %s", m.Dir)
	}
	if err := maildir.Make(named); err != nil {
		return nil, later(err, "cannot make the Maildir")
	}
	// The path is the customer's own word, links and all.
	dir, err := filepath.EvalSymlinks(named)
	if err != nil {
		return nil, later(err, "cannot find the Maildir %s", m.Dir)
	}
	box, err := maildir.Open("", dir)
	if err != nil {
		return nil, later(err, "cannot open the Maildir")
	}
	into, err := box.Receive(m.Host)
	if err != nil {
		box.Close()
		return nil, later(err, "cannot deliver into the Maildir")
	}
	return &receiving{Maildir: m, box: diskBox{into, box, named, dir}}, nil
}

func (r *receiving) Receive(ctx context.Context, provider *Turned, tally *Tally) error {
	peer, _ := addrPort(provider.RemoteAddr())
	track := newTracker(tally)
	track.once = provider.silence == 0
	follow(provider, track)
	r.stream = &stoppable{Turned: provider, ctx: ctx}
	r.peer, r.left = cmp.Or(peer, "unknown"), tally.left
	if r.standing = provider.silence > 0; r.standing {
		r.Idle = provider.silence
	}
	return r.serve(ctx)
}

func (r *receiving) Close() { r.box.Close() }

// diskBox is the mailbox on disk.
type diskBox struct {
	*maildir.Receiver
	box *maildir.Box

	named, dir string // its path, and that without links
}

func (b diskBox) InPlace() error {
	if dir, err := filepath.EvalSymlinks(b.named); err == nil && dir != b.dir {
		return maildir.ErrMoved
	}
	return b.Receiver.InPlace()
}

func (b diskBox) Begin(sender string, recipients []string, head string) (delivery, error) {
	return b.NewDelivery(sender, recipients, head)
}

func (b diskBox) Close() {
	b.Receiver.Close()
	b.box.Close()
}
