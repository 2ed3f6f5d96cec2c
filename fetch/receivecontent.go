package fetch

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"

	"vodmr/smtp"
)

// contentBlock is how much content is read at a time, in bytes: more than a
// LineReader holds, so that one read empties it.
const contentBlock = 64 << 10

// contentRate is how much content, in bytes, must come in the time for idleness:
// few enough for any line, too many for a provider that only wants to hold us.
const contentRate = 16 << 10

// contentRefusal says why content cannot come now; code 0 means that it can.
func (r *receiving) contentRefusal() smtp.Reply {
	if !r.open {
		return smtp.ReplyBadSequence("MAIL first")
	}
	if len(r.recipients) == 0 {
		return smtp.NewReply(554, "5.5.1", "no recipient was accepted")
	}
	return smtp.Reply{}
}

// readSome reads up to n bytes of content.
func (r *receiving) readSome(n int64) ([]byte, error) {
	if r.buf == nil {
		r.buf = make([]byte, contentBlock)
	}
	_ = r.stream.SetDeadline(r.deadline)
	got, err := r.server.Lines.Read(r.buf[:n])
	if r.fresh += got; r.fresh >= contentRate {
		r.progress()
	}
	if got > 0 {
		return r.buf[:got], nil
	}
	return nil, err
}

// begin starts the delivery; r.failed tells why it cannot. The content has at least so
// many octets.
func (r *receiving) begin(octets int64) {
	r.progress()
	err := r.roomForAll(max(octets, r.announced))
	if err == nil {
		r.delivery, err = r.box.Begin(r.sender.text, r.recipients, r.received(time.Now()))
	}
	if err != nil {
		r.delivery = nil
		r.fail(err)
	}
}

// take writes content that was sent in the given number of bytes. After a failure the
// rest is thrown away.
func (r *receiving) take(text []byte, sent int) {
	r.size += int64(sent)
	if r.delivery == nil {
		return
	}
	if r.Limit > 0 && r.size > r.Limit {
		r.drop(replyTooBig())
		return
	}
	if _, err := r.delivery.Write(text); err != nil {
		r.fail(err)
	}
}

// finish commits the message and ends the transaction.
func (r *receiving) finish() smtp.Reply {
	defer r.progress()
	defer r.reset()
	if r.failed.Code != 0 {
		return r.failed
	}
	err := r.delivery.Commit()
	r.delivery = nil
	if err != nil {
		r.fail(err)
		return r.failed
	}
	return smtp.NewReply(250, "2.0.0", "ok, delivered")
}

// roomForAll asks for room for each recipient's copy.
func (r *receiving) roomForAll(size int64) error {
	copies := int64(len(r.recipients))
	if size > math.MaxInt64/copies {
		return syscall.ENOSPC
	}
	return r.box.Room(size * copies)
}

// fail refuses the message for now.
func (r *receiving) fail(err error) { r.drop(r.refusal(err)) }

// refusal warns of what went wrong here, once if it goes on, and refuses for now: a
// full disk and a broken one both pass.
func (r *receiving) refusal(err error) smtp.Reply {
	if text := err.Error(); r.Warn != nil && text != r.warned {
		r.warned = text
		r.Warn(fmt.Errorf("cannot deliver into %s, so the provider keeps the message: %w", r.Dir, err))
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return smtp.NewReply(452, "4.3.1", "no space left here")
	}
	return smtp.NewReply(451, "4.3.0", "cannot write the message")
}

func (r *receiving) drop(reason smtp.Reply) {
	r.failed = reason
	if r.delivery != nil {
		r.delivery.Abort()
		r.delivery = nil
	}
}

// received is this hop's trace line (RFC 5321 section 4.4).
func (r *receiving) received(now time.Time) string {
	with := "SMTP"
	if r.utf8 {
		with = "UTF8SMTP" // RFC 6531 section 4.3
	} else if r.esmtp {
		with = "ESMTP"
	}
	return fmt.Sprintf("Received: from %s (%s)\n\tby %s via ATRN with %s; %s\n",
		headerWord(r.helo), r.peer, r.Host, with, now.Format("2 Jan 2006 15:04:05 -0700"))
}

// headerWord makes a word that the provider chose fit for a header line or a reply.
func headerWord(name string) string {
	if name == "" {
		return "unknown"
	}
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;\"`, c) {
			return '?'
		}
		return c
	}, name[:min(len(name), 255)])
}
