package maildir

import (
	"errors"
	"fmt"
)

// HeadSize is how many bytes of a message ParseEnvelope needs: the envelope is at the very
// top, and no program puts 64 KiB of other lines above it.
const HeadSize = 64 << 10

// ErrNoEnvelope is the error if a message does not begin with the lines that its Agent
// writes. The text tells what is wrong.
var ErrNoEnvelope = errors.New("no envelope")

// An Envelope is the sender and the recipient of a message.
type Envelope struct {
	Sender    string // as for MAIL FROM:<...>, quoted if it must be; "" is the null sender
	Double    bool   // the sender was #@[], a double bounce, which is sent as <>
	Recipient string // raw; it must be quoted before it is sent
	Cut       []Span // the parts of the file that are not content, ascending

	// Forwarded: Recipient is from the line of the first delivery, see Catchall.
	Forwarded bool
	// Received: the message came by mail. By qmail, a Received field is directly below the
	// two lines, as in every message that qmail-queue took, with only X- fields of a filter
	// in between. By any other agent it is always set.
	Received bool
}

// A Span is the bytes from From up to, not including, To.
type Span struct{ From, To int64 }

// qmail reads the envelope that qmail-local and vdelivermail write. Return-Path and
// Delivered-To must be above the first Received, in either order, since the sender could
// have written them below it.
func (p *parser) qmail(catchall Catchall) error {
	err := p.top()
	if err == nil {
		p.env.Received = p.receivedBelow()
		err = p.inner(catchall)
	}
	if err == nil {
		err = checkRecipient("Delivered-To", p.env.Recipient)
	}
	return err
}

const (
	returnPath  = "Return-Path:"
	deliveredTo = "Delivered-To:"
	received    = "Received:"
)

type parser struct {
	lines
	env          Envelope
	sender, rcpt bool
}

// top reads up to the first Received, or until it has both lines.
func (p *parser) top() error {
	for !p.sender || !p.rcpt {
		l, ok := p.next()
		if !ok || !l.isField() && !l.isFolded() || l.is(received) || l.isCutHead() {
			return p.missing()
		}
		if err := p.take(l); err != nil {
			return err
		}
	}
	return nil
}

// take uses a line if it is one of the two that are wanted and the first of its kind.
func (p *parser) take(l headerLine) (err error) {
	switch {
	case l.is(returnPath) && !p.sender:
		p.sender = true
		p.env.Sender, p.env.Double, err = reversePath(l.value(returnPath))
	case l.is(deliveredTo) && !p.rcpt:
		p.rcpt = true
		p.env.Recipient = l.value(deliveredTo)
	default:
		return nil
	}
	if err == nil && p.peek().isFolded() {
		err = fmt.Errorf("%w: an envelope line is folded, which qmail never does", ErrNoEnvelope)
	}
	p.env.Cut = append(p.env.Cut, l.span)
	return err
}

func (p *parser) missing() error {
	const above = "above the first Received"
	if p.sender {
		return fmt.Errorf("%w: no Delivered-To %s", ErrNoEnvelope, above)
	}
	if p.rcpt {
		return fmt.Errorf("%w: no Return-Path %s", ErrNoEnvelope, above)
	}
	return fmt.Errorf("%w: neither Return-Path nor Delivered-To %s", ErrNoEnvelope, above)
}
