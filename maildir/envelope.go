package maildir

import (
	"errors"
	"fmt"

	"vodmr/internal/address"
)

// HeadSize is how much of a message ParseEnvelope needs to see: the envelope stands at
// the very top, and nobody puts 64 KiB of other lines there.
const HeadSize = 64 << 10

// ErrNoEnvelope says that a message does not begin with what qmail-local and vdelivermail
// write; the text says what is wrong.
var ErrNoEnvelope = errors.New("no envelope")

// An Envelope is for whom a message is and whence it came.
type Envelope struct {
	Sender    string // as for MAIL FROM:<...>, quoted where it must be; "" is the null sender
	Double    bool   // the sender was #@[], a double bounce, which is sent as <>
	Recipient string // raw, as in Delivered-To: quote it before it is sent
	Cut       []Span // what of the file is not content, ascending

	// Forwarded: Recipient is from the line of the first delivery, see Catchall.
	Forwarded bool
	// Received: a Received field stands directly below the two lines, as it does in
	// whatever qmail-queue took. Only X- fields of a filter may stand between.
	Received bool
}

// A Span is the bytes from From up to, not including, To.
type Span struct{ From, To int64 }

// ParseEnvelope reads the envelope from the first bytes of a message, HeadSize of them
// or all (complete). Return-Path and Delivered-To must stand above the first Received,
// in either order, since below it the sender could have written them. The error is
// ErrNoEnvelope.
func ParseEnvelope(head []byte, complete bool, catchall Catchall) (Envelope, error) {
	p := parser{lines: lines{head: head, complete: complete}}
	err := p.top()
	if err == nil {
		p.env.Received = p.receivedBelow()
		err = p.inner(catchall)
	}
	if err == nil {
		err = checkRecipient(p.env.Recipient)
	}
	if err != nil {
		return Envelope{}, err
	}
	return p.env, nil
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

// take notes a line if it is one of the two that are wanted and the first of its kind.
func (p *parser) take(l line) (err error) {
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
	switch {
	case p.sender:
		return fmt.Errorf("%w: no Delivered-To %s", ErrNoEnvelope, above)
	case p.rcpt:
		return fmt.Errorf("%w: no Return-Path %s", ErrNoEnvelope, above)
	}
	return fmt.Errorf("%w: neither Return-Path nor Delivered-To %s", ErrNoEnvelope, above)
}

// checkRecipient refuses what cannot be an address. What may stand in front of the @
// is the customer's server's to judge.
func checkRecipient(r string) error {
	local, domain, found := address.Cut(r)
	switch {
	case r == "":
		return fmt.Errorf("%w: Delivered-To is empty", ErrNoEnvelope)
	case address.HasControl(r):
		return fmt.Errorf("%w: Delivered-To holds a control character", ErrNoEnvelope)
	case !found:
		return fmt.Errorf("%w: Delivered-To has no @", ErrNoEnvelope)
	case local == "" || !address.IsSafe(domain):
		return fmt.Errorf("%w: Delivered-To is no address", ErrNoEnvelope)
	}
	return nil
}
