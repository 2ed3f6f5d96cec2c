package maildir

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/test/kit/require"
)

func receiver(t testing.TB, b *Box, host string) *Receiver {
	t.Helper()
	r, err := b.Receive(host)
	require.OK(t, err)
	t.Cleanup(r.Close)
	return r
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.OK(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDeliverToOne(t *testing.T) {
	b, dir := newBox(t, nil)
	d, err := receiver(t, b, "a/b:c").NewDelivery(`"x y"@s`, []string{"bob@d"}, "Received: here\n")
	require.OK(t, err)
	for _, p := range []string{"Subject: x\r", "\n\r\nbody\rstays\r\r\n", "last\r"} {
		if n, err := d.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(names(t, dir+"/new")) != 0 {
		t.Error("it is in new before Commit")
	}
	require.OK(t, d.Commit())
	d.Abort()
	got := names(t, dir+"/new")
	if len(got) != 1 || len(names(t, dir+"/tmp")) != 0 {
		t.Fatalf("new: %v, tmp: %v", got, names(t, dir+"/tmp"))
	}
	want := "Return-Path: <\"x y\"@s>\nDelivered-To: bob@d\nReceived: here\nSubject: x\n\nbody\rstays\r\nlast\r"
	if diff := cmp.Diff(want, require.File(t, dir+"/new/"+got[0])); diff != "" {
		t.Error(diff)
	}
	pattern := regexp.MustCompile(fmt.Sprintf(`^[0-9]+\.M[0-9]+P%dQ1\.a\\057b\\072c,S=%d$`, os.Getpid(), len(want)))
	if !pattern.MatchString(got[0]) {
		t.Errorf("the name is %q", got[0])
	}
}

// A delivered message can be sent on: each recipient's file has its own envelope, above
// the same content.
func TestDeliverToMany(t *testing.T) {
	b, dir := newBox(t, nil)
	d, err := receiver(t, b, "h").NewDelivery("", []string{"a@d", "a-much-longer-name@d", "c@d"}, "Received: x\n")
	require.OK(t, err)
	large := strings.Repeat("0123456789abcdef\r\n", 20000)
	for part := range strings.SplitAfterSeq(large, "9") {
		d.Write([]byte(part))
	}
	d.Write([]byte(large))
	require.OK(t, d.Commit())
	want := "Received: x\n" + strings.ReplaceAll(large+large, "\r\n", "\n")
	var recipients []string
	l, err := b.Scan(time.Time{})
	require.OK(t, err)
	for e, ok := l.Next(); ok; e, ok = l.Next() {
		message := require.File(t, dir+"/"+e.Path())
		env, err := ParseEnvelope([]byte(message), true, Catchall{})
		require.OK(t, err)
		recipients = append(recipients, env.Recipient)
		if content(message, env.Cut) != want {
			t.Errorf("%s has another content", env.Recipient)
		}
		if size, ok := sizeIn([]byte(e.Name)); !ok || size != int64(len(message)) {
			t.Errorf("%s is %d bytes", e.Name, len(message))
		}
	}
	if diff := cmp.Diff([]string{"a@d", "a-much-longer-name@d", "c@d"}, recipients); diff != "" {
		t.Error(diff)
	}
	if left := names(t, dir+"/tmp"); len(left) != 0 {
		t.Errorf("tmp: %v", left)
	}
}

func TestLineEnds(t *testing.T) {
	b, dir := newBox(t, nil)
	r := receiver(t, b, "h")
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.StringOf(rapid.SampledFrom([]rune("a\r\n")))).Draw(t, "parts")
		d, err := r.NewDelivery("", []string{"a@d"}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			d.Write([]byte(p))
		}
		if err := d.Commit(); err != nil {
			t.Fatal(err)
		}
		entries, _ := os.ReadDir(dir + "/new")
		path := dir + "/new/" + entries[0].Name()
		got, _ := os.ReadFile(path)
		os.Remove(path)
		want := "Return-Path: <>\nDelivered-To: a@d\n" + strings.ReplaceAll(strings.Join(parts, ""), "\r\n", "\n")
		if string(got) != want || len(entries) != 1 {
			t.Fatalf("%d files, %q; want %q", len(entries), got, want)
		}
	})
}

func TestAbortLeavesNothing(t *testing.T) {
	b, dir := newBox(t, nil)
	d, err := receiver(t, b, "h").NewDelivery("", []string{"a@d"}, "")
	require.OK(t, err)
	d.Write([]byte("x"))
	d.Abort()
	if err := d.Commit(); err == nil {
		t.Error("Commit after Abort worked")
	}
	if _, err := d.Write([]byte("x")); err == nil {
		t.Error("Write after Abort worked")
	}
	if left := append(names(t, dir+"/tmp"), names(t, dir+"/new")...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// A failure at the last file must take back the first ones, also one that a mail reader has
// already moved.
func TestFailureTakesAllBack(t *testing.T) {
	b, dir := newBox(t, nil)
	r := receiver(t, b, "h")
	d, err := r.NewDelivery("", []string{"a@d", "b@d", "c@d"}, "")
	require.OK(t, err)
	d.Write([]byte("x\r\n"))
	d.drain()
	require.OK(t, d.copy(1))
	require.OK(t, d.copy(2))
	require.OK(t, os.Remove(dir+"/tmp/"+d.files[2].tmp)) // its link will fail
	for i := range d.files {
		d.link(i)
	}
	if len(names(t, dir+"/new")) != 2 {
		t.Fatal("the first two should be linked now")
	}
	require.OK(t, os.Rename(dir+"/new/"+d.files[0].new, dir+"/cur/"+d.files[0].new+":2,RS"))
	if err := d.fail(d.err); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if left := slices.Concat(names(t, dir+"/tmp"), names(t, dir+"/new"), names(t, dir+"/cur")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestCommitSaysThatItFailed(t *testing.T) {
	b, dir := newBox(t, nil)
	d, err := receiver(t, b, "h").NewDelivery("", []string{"a@d", "b@d"}, "")
	require.OK(t, err)
	require.OK(t, os.Rename(dir+"/tmp", dir+"/away"))
	require.OK(t, os.Remove(dir+"/away/"+d.files[0].tmp))
	if err := d.Commit(); err == nil {
		t.Error("Commit of a file that vanished worked")
	}
	if left := append(names(t, dir+"/away"), names(t, dir+"/new")...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAddressesCannotBreakTheLines(t *testing.T) {
	b, _ := newBox(t, nil)
	r := receiver(t, b, "h")
	for _, test := range []struct {
		path string
		to   []string
	}{{"a\n@b", []string{"c@d"}}, {"a@b", []string{"c@d", "e\r@f"}}, {"", nil}} {
		if d, err := r.NewDelivery(test.path, test.to, ""); err == nil {
			d.Abort()
			t.Errorf("%q to %q was taken", test.path, test.to)
		}
	}
}

func TestStaleTmpIsRemoved(t *testing.T) {
	b, dir := newBox(t, map[string]string{"tmp/old": "", "tmp/read": "", "tmp/young": "", "new/old": ""})
	old, young := time.Now().Add(-37*time.Hour), time.Now().Add(-35*time.Hour)
	require.OK(t, os.Chtimes(dir+"/tmp/old", old, old))
	require.OK(t, os.Chtimes(dir+"/new/old", old, old))
	require.OK(t, os.Chtimes(dir+"/tmp/read", young, old))
	require.OK(t, os.Chtimes(dir+"/tmp/young", young, young))
	receiver(t, b, "h")
	if diff := cmp.Diff([]string{"read", "young"}, names(t, dir+"/tmp")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"old"}, names(t, dir+"/new")); diff != "" {
		t.Error(diff)
	}
}

func TestMakeIsPrivateAndRepeatable(t *testing.T) {
	dir := t.TempDir() + "/M"
	require.OK(t, Make(dir))
	require.OK(t, Make(dir))
	for _, part := range []string{"", "/tmp", "/new", "/cur"} {
		st, err := os.Stat(dir + part)
		require.OK(t, err)
		if st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v", part, st.Mode())
		}
	}
	if err := Make(dir + "/no/where"); err == nil {
		t.Error("a Maildir without a parent was made")
	}
}
