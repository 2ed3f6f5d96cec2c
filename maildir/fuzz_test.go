package maildir

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// FuzzReversePath: the value of a Return-Path becomes an address that ends where
// MAIL FROM's bracket does, that is taken for itself when it comes again, and that
// means the same whether it was quoted or raw.
func FuzzReversePath(f *testing.F) {
	for _, seed := range []string{
		"", "<>", "<#@[]>", "#@[]", "<a@b.example>", "a@b.example", "<a b@c>", `<"a b"@c>`, `<"a\"b>"@c>`, `"odd sender"@s.test`,
		"<a@b> SIZE=1>", "<a@b", "a@b>", "<a@b@c>", "<a\"b@c>", "<\"a@b>", `<"a\>`, "<\xff@\xfe>", "<a\x00b@c>", "<@a:b@c>", "<a@[IPv6:::1]>", "<<a>>", " <a> ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		sender, double, err := reversePath(value)
		if err != nil {
			if !errors.Is(err, ErrNoEnvelope) || sender != "" || double {
				t.Errorf("%q: %q, %v, %v", value, sender, double, err)
			}
			return
		}
		if double && (sender != "" || strings.Trim(value, " <>") != "#@[]") {
			t.Errorf("%q is a double bounce of %q", value, sender)
		}
		if end := bracketAt(sender + "> SIZE=1"); end != len(sender) {
			t.Errorf("%q: MAIL FROM:<%s> ends at %d", value, sender, end)
		}
		if second, _, err := reversePath("<" + sender + ">"); second != sender || err != nil {
			t.Errorf("%q: %q, then %q, %v", value, sender, second, err)
		}
		if len(sender) > 2*len(value)+2 {
			t.Errorf("%q became %q", value, sender)
		}
	})
}

// bracketAt is where a server sees the end of a path: at the first > outside
// quotes; -1 if a byte comes first that no command line may hold.
func bracketAt(path string) int {
	quoted := false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f || c == ' ' && !quoted || c == '<' && !quoted:
			return -1
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// FuzzQuotaSize: the size in a name is a number that the name holds, in its base
// name, never negative, and flags change nothing.
func FuzzQuotaSize(f *testing.F) {
	for _, seed := range []string{
		"1795000000.M1P2.host,S=100", "1795000000.M1P2.host,S=100,W=120:2,S", "a,W=9,S=0:2,", "a:2,S=5", "a:2,,S=5", "S=7", ",S=", ",S=-1",
		",S=+1", ",S=99999999999999999999", ",S=x,S=5", ",S=0x10", ",S=1_000", ",S= 5", ",S=5\xff", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		size, ok := sizeIn([]byte(name))
		if size < 0 {
			t.Errorf("%q: %d, %v", name, size, ok)
		}
		base := Entry{Name: name}.Base()
		if second, still := sizeIn([]byte(base + info + "S=3,S=4")); still != ok || ok && second != size {
			t.Errorf("%q: %d, %v; with flags %d, %v", name, size, ok, second, still)
		}
		_, digits, found := strings.Cut(","+base, ",S=")
		digits, _, _ = strings.Cut(digits, ",")
		if ok && !found || ok && strings.TrimLeft(digits, "0") != strings.TrimLeft(strconv.FormatInt(size, 10), "0") {
			t.Errorf("%q: %d of %q", name, size, digits)
		}
	})
}

// FuzzCredit: whatever maildirsize holds, a removal adds one line and changes
// nothing else.
func FuzzCredit(f *testing.F) {
	for _, seed := range []string{
		"", "1000S\n100 1\n", "1000S,10C\n100 1\n-100 -1\n", "1000S\n100 1", "1000S", "\n", "\x00\xff", "100 1\r\n", " ", "NOQUOTA\n", "1S\n" + strings.Repeat("1 1\n", 2000), "-5",
	} {
		f.Add([]byte(seed), int64(len(seed)))
	}
	b, dir := newBox(f, nil)
	f.Fuzz(func(t *testing.T, before []byte, size int64) {
		size = max(size, 0)
		write(t, dir+"/maildirsize", string(before))
		b.freed = freed{size, 1}
		require.OK(t, b.Credit())
		after, err := os.ReadFile(dir + "/maildirsize")
		require.OK(t, err)
		line, kept := bytes.CutPrefix(after, before)
		if !kept || string(line) != "-"+strconv.FormatInt(size, 10)+" -1\n" {
			t.Errorf("%q became %q", before, after)
		}
	})
}
