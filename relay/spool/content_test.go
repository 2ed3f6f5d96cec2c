package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/maildir"
	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// TestLooksEachFewMegabytes: both readings of whole files ask whether the customer is
// there after each 4 MiB, and stop once it is not.
func TestLooksEachFewMegabytes(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "sparse")
	require.OK(t, os.Truncate(filepath.Join(s.maildir, "new", name(0)), 16*lookEach))
	box, err := maildir.Open(filepath.Dir(s.maildir), "Maildir")
	require.OK(t, err)
	defer box.Close()
	m, err := box.OpenMessage(maildir.Entry{Name: name(0)})
	require.OK(t, err)
	defer m.Close()
	looks := 0
	third := func() bool { looks++; return looks == 3 }
	c := &content{message: m}
	scan, err := c.scan(make([]byte, scanSize), third)
	if !errors.Is(err, smtp.ErrHungUp) || looks != 3 || scan.Size() > 4*lookEach {
		t.Errorf("scan: %d octets, %d looks, %v", scan.Size(), looks, err)
	}
	looks = 0
	x, y := &countingReader{most: 16 * lookEach}, &countingReader{most: 16 * lookEach}
	if equalReaders(x, y, third) || looks != 3 || x.read > 4*lookEach {
		t.Errorf("compare: %d bytes, %d looks", x.read, looks)
	}
	if looks = 0; !equalReaders(bytes.NewReader(make([]byte, 2*lookEach)), bytes.NewReader(make([]byte, 2*lookEach)), third) {
		t.Error("equal contents are not")
	}
}

// A countingReader has most zeros.
type countingReader struct{ read, most int }

func (r *countingReader) Read(p []byte) (int, error) {
	if r.read >= r.most {
		return 0, io.EOF
	}
	r.read += len(p)
	return len(p), nil
}

// TestScanOfContent: a scan leaves the content at its start, and fails if the
// file became shorter.
func TestScanOfContent(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(s.maildir, "new", name(0))
	large := strings.Repeat("a line of text\n", 3000)
	text := "Return-Path: <ann@sender.test>\nX-Between: one\nDelivered-To: bob@example.org\n" + large
	require.OK(t, os.WriteFile(file, []byte(text), 0o600))
	box, err := maildir.Open(filepath.Dir(s.maildir), "Maildir")
	require.OK(t, err)
	defer box.Close()
	list, err := box.Scan(now.AddDate(100, 0, 0))
	require.OK(t, err)
	defer list.Close()
	entry, _ := list.Next()
	m, err := box.OpenMessage(entry)
	require.OK(t, err)
	c := &content{message: m, cut: []maildir.Span{{From: 0, To: 31}, {From: 46, To: 76}}}
	defer c.Close()
	want := "X-Between: one\n" + large
	scan, err := c.scan(make([]byte, 1000), func() bool { return false })
	require.OK(t, err)
	if size := int64(len(strings.ReplaceAll(want, "\n", "\r\n"))); scan.Size() != size || scan.EightBit {
		t.Errorf("scanned as %d octets, 8-bit %v, want %d, without", scan.Size(), scan.EightBit, size)
	}
	got, err := io.ReadAll(c)
	require.OK(t, err)
	if string(got) != want {
		t.Errorf("then %d bytes are read, want %d: %.200q", len(got), len(want), got)
	}
	cut := &content{message: m}
	require.OK(t, os.Truncate(file, int64(len(text)-1)))
	if _, err := cut.scan(make([]byte, 1000), func() bool { return false }); !errors.Is(err, maildir.ErrChanged) {
		t.Errorf("of a shorter file: %v", err)
	}
}
