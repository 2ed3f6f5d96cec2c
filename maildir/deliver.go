package maildir

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// A Delivery is one message on its way into new, a file for each recipient:
// Return-Path, Delivered-To, the head, then the content with LF line ends. It is
// written as it comes, so that its size does not matter. If there is only one recipient,
// as usual, no second copy is made.
type Delivery struct {
	r          *Receiver
	returnPath string
	recipients []string
	files      []tmpFile // one for each recipient; until Commit only the first
	content    int64     // where the content begins in the first file
	size       int64     // of the first file, what is in buf included
	buf        []byte
	allowed    int64 // bytes that may be written before the next look at the disk
	cr         bool  // a CR was held back, since it may belong to a CRLF
	err        error // the first, for good
}

// A tmpFile is a file in tmp and, once linked, in new.
type tmpFile struct {
	fd       int
	tmp, new string // new is "" until linked
}

const (
	deliveryBuffer = 64 << 10
	// lookEach is how many bytes are written between two looks at the disk.
	lookEach = 1 << 20
)

// NewDelivery starts a message. returnPath is in the quoted form, without brackets;
// recipients, at least one, are raw; head is whole lines that end in LF, such as
// Received.
func (r *Receiver) NewDelivery(returnPath string, recipients []string, head string) (*Delivery, error) {
	if len(recipients) == 0 {
		return nil, errors.New("a delivery without recipients")
	}
	for _, one := range append([]string{returnPath}, recipients...) {
		if address.HasControl(one) {
			return nil, errControl
		}
	}
	d := &Delivery{r: r, returnPath: returnPath, recipients: slices.Clone(recipients)}
	if err := d.create(); err != nil {
		return nil, d.fail(err)
	}
	d.buf = append(d.envelope(0, make([]byte, 0, deliveryBuffer)), head...)
	d.content = int64(len(d.buf) - len(head))
	d.size = int64(len(d.buf))
	return d, nil
}

// Write takes content with CRLF or LF line ends. A CR that is not part of a line end
// stays. After an error, every further call fails too.
func (d *Delivery) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && d.err == nil {
		if d.cr && p[0] != '\n' {
			d.put([]byte("\r"))
		}
		d.cr = false
		end := bytes.IndexByte(p, '\r')
		if end < 0 {
			d.put(p)
			break
		}
		d.put(p[:end])
		d.cr = true
		p = p[end+1:]
	}
	if d.err != nil {
		return 0, d.err
	}
	return total, nil
}

// Commit delivers the message to all recipients. If it returns nil, all of them have it on
// disk. If it fails, none has it, so the provider may send it again. The Delivery cannot be
// used after it.
func (d *Delivery) Commit() error {
	if d.cr {
		d.put([]byte("\r"))
	}
	d.drain()
	if copies := int64(len(d.recipients) - 1); copies > 0 && d.err == nil {
		d.err = d.r.Room(d.size * copies)
	}
	for i := 1; i < len(d.recipients) && d.err == nil; i++ {
		d.err = d.copy(i)
	}
	if d.err == nil {
		d.err = sys.Sync(d.files[0].fd)
	}
	for i := range d.files {
		d.link(i)
	}
	for i := range d.files {
		sys.Unlink(d.r.tmp, d.files[i].tmp)
	}
	if d.err == nil {
		// Some file systems make names durable anyway, and refuse the call.
		if err := sys.Sync(d.r.box.sub[inNew]); err != unix.EINVAL {
			d.err = err
		}
	}
	if d.err != nil {
		return d.fail(d.err)
	}
	d.close()
	return nil
}

// Abort gives the message up, even if a Write failed: nothing of it stays on the disk.
// After Commit it does nothing.
func (d *Delivery) Abort() {
	if d.err == nil {
		d.err = errors.New("aborted")
	}
	d.discard()
}

// put adds bytes to the first file.
func (d *Delivery) put(p []byte) {
	d.size += int64(len(p))
	if len(d.buf)+len(p) > deliveryBuffer {
		d.drain()
	}
	if len(p) < deliveryBuffer {
		d.buf = append(d.buf, p...)
	} else {
		d.write(p)
	}
}

func (d *Delivery) drain() {
	d.write(d.buf)
	d.buf = d.buf[:0]
}

// write writes to the first file, and asks now and then if there is room: the size is
// seldom known before the end.
func (d *Delivery) write(p []byte) {
	n := int64(len(p))
	if d.err == nil && d.allowed < n {
		d.allowed, d.err = d.r.allow(n)
	}
	if d.err == nil {
		d.allowed -= n
		d.err = fdio.WriteAll(d.files[0].fd, p)
	}
}

// envelope appends the lines that are recipient i's own.
func (d *Delivery) envelope(i int, buf []byte) []byte {
	return fmt.Appendf(buf, "Return-Path: <%s>\nDelivered-To: %s\n", d.returnPath, d.recipients[i])
}

// create makes the next file in tmp.
func (d *Delivery) create() error {
	name := d.r.unique()
	fd, err := sys.Open(d.r.tmp, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|sys.Safely, 0o600)
	if err == nil {
		d.files = append(d.files, tmpFile{fd: fd, tmp: name})
	}
	return err
}

// copy writes recipient i's file from the first one.
func (d *Delivery) copy(i int) error {
	if err := d.create(); err != nil {
		return err
	}
	from, to := d.files[0].fd, d.files[i].fd
	buf, at := d.envelope(i, d.buf[:0]), d.content
	for {
		if err := fdio.WriteAll(to, buf); err != nil {
			return err
		}
		n, err := sys.ReadAt(from, buf[:cap(buf)], at)
		if err != nil {
			return err
		}
		if n == 0 {
			return d.finish(i, at)
		}
		buf, at = buf[:n], at+int64(n)
	}
}

// finish makes a copy durable, if all of the message was copied. It is closed here, since
// there may be more recipients than descriptors.
func (d *Delivery) finish(i int, at int64) error {
	if at != d.size {
		return ErrChanged
	}
	fd := d.files[i].fd
	d.files[i].fd = -1
	return errors.Join(sys.Sync(fd), unix.Close(fd))
}

// link puts file i into new.
func (d *Delivery) link(i int) {
	if d.err != nil {
		return
	}
	f := &d.files[i]
	size := d.size - d.content + int64(len(d.envelope(i, nil)))
	name := fmt.Sprintf("%s,S=%d", f.tmp, size)
	if d.err = sys.Link(d.r.tmp, f.tmp, d.r.box.sub[inNew], name); d.err == nil {
		f.new = name
	}
}

// fail discards the message and wraps the error.
func (d *Delivery) fail(err error) error {
	d.discard()
	d.err = fmt.Errorf("delivery to %s: %w", d.r.box.path, err)
	return d.err
}

// discard removes the files, also those that a mail reader has moved from new.
func (d *Delivery) discard() {
	for _, f := range d.files {
		sys.Unlink(d.r.tmp, f.tmp)
		if f.new != "" {
			d.r.box.index = nil // it is older than the file
			_, _ = d.r.box.follow(Entry{Name: f.new}, d.r.box.Unlink)
		}
	}
	d.close()
}

func (d *Delivery) close() {
	for _, f := range d.files {
		sys.Close(f.fd)
	}
	d.files = nil
	if d.err == nil {
		d.err = errors.New("the delivery is over")
	}
}
