package smtp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// parseReplies feeds a stream in pieces of some bytes and returns all replies, what
// is left over, and the error.
func parseReplies(stream string, piece int) (replies []Reply, partial bool, err error) {
	var p ReplyParser
	for {
		for {
			r, ok, err := p.Next()
			if err != nil {
				return replies, p.Partial(), err
			}
			if !ok {
				break
			}
			replies = append(replies, r)
		}
		if stream == "" {
			return replies, p.Partial(), nil
		}
		n := min(piece, len(stream))
		p.Feed([]byte(stream[:n]))
		stream = stream[n:]
	}
}

func reply(code int, enhanced string, lines ...string) Reply { return Reply{code, enhanced, lines} }

// TestReplyParser: replies of servers, whole and in pieces of any size.
func TestReplyParser(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		want         []Reply
		partial      bool
	}{
		{"one line", "250 ok\r\n", []Reply{reply(250, "", "ok")}, false},
		{"enhanced code", "250 2.0.0 ok\r\n", []Reply{reply(250, "2.0.0", "ok")}, false},
		{"code alone", "250\r\n", []Reply{reply(250, "", "")}, false},
		{"code and space", "354 \r\n", []Reply{reply(354, "", "")}, false},
		{"enhanced code alone", "550 5.7.1\r\n", []Reply{reply(550, "5.7.1", "")}, false},
		{"bare LF", "220-a\n220 b\n", []Reply{reply(220, "", "a", "b")}, false},
		{"several lines", "250-x\r\n250-\r\n250-SIZE 1\r\n250 OK\r\n", []Reply{reply(250, "", "x", "", "SIZE 1", "OK")}, false},
		{"lines that end with the code alone", "250-x\r\n250\r\n", []Reply{reply(250, "", "x", "")}, false},
		{"enhanced code in each line", "550-5.1.1 no\r\n550 5.1.1 such\r\n", []Reply{reply(550, "5.1.1", "no", "such")}, false},
		{"enhanced code in the first", "550-5.1.1 no\r\n550 such\r\n", []Reply{reply(550, "5.1.1", "no", "such")}, false},
		{"another enhanced code later", "550-5.1.1 no\r\n550 5.7.1 such\r\n", []Reply{reply(550, "5.1.1", "no", "5.7.1 such")}, false},
		{"enhanced code of another class", "450 5.1.1 x\r\n", []Reply{reply(450, "", "5.1.1 x")}, false},
		{"not an enhanced code", "550 5.1 x\r\n550 5.1.1.1 x\r\n550 5.1.1111\r\n550 5..1\r\n550 5.+1.1\r\n550 5.1.1x\r\n",
			[]Reply{reply(550, "", "5.1 x"), reply(550, "", "5.1.1.1 x"), reply(550, "", "5.1.1111"), reply(550, "", "5..1"), reply(550, "", "5.+1.1"), reply(550, "", "5.1.1x")}, false},
		{"an IPv4 address", "220 2.3.4.5 ready\r\n", []Reply{reply(220, "", "2.3.4.5 ready")}, false},
		{"text with CR, NUL and 8 bits", "250 a\rb\x00\xff\r\r\n", []Reply{reply(250, "", "a\rb\x00\xff\r")}, false},
		{"many at once", "250 a\r\n550-b\r\n550 c\r\n221 d\r\n", []Reply{reply(250, "", "a"), reply(550, "", "b", "c"), reply(221, "", "d")}, false},
		{"unfinished line", "250 a\r\n25", []Reply{reply(250, "", "a")}, true},
		{"unfinished reply", "250 a\r\n250-b\r\n", []Reply{reply(250, "", "a")}, true},
		{"nothing", "", nil, false},
	} {
		for piece := 1; piece <= len(test.stream)+1; piece++ {
			got, partial, err := parseReplies(test.stream, piece)
			if err != nil || partial != test.partial {
				t.Errorf("%s, pieces of %d: partial %v, error %v", test.name, piece, partial, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, pieces of %d (-want +got):\n%s", test.name, piece, diff)
			}
		}
	}
}

// TestBadReplies: what is no reply ends the session, and what came before it
// counts.
func TestBadReplies(t *testing.T) {
	for _, bad := range []string{
		"\r\n", "hello\r\n", "25\r\n", "2500 ok\r\n", "250_ok\r\n", "250\tok\r\n", " 250 ok\r\n",
		"100 go\r\n", "199 go\r\n", "600 no\r\n", "999 no\r\n", "000 no\r\n", "-50 no\r\n", "2x0 no\r\n", "25\xb2 no\r\n",
		"250-a\r\n251 b\r\n", "250-a\r\n550 b\r\n", "250-a\r\nb\r\n", "250-a\r\n\r\n",
		strings.Repeat("x", 4000) + "\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n",
		"250 " + strings.Repeat("x", maxReplyLine) + "\r\n",
		"250 " + strings.Repeat("x", 1<<20),
		strings.Repeat("250-"+strings.Repeat("x", 996)+"\r\n", 1100),
		strings.Repeat("250-\n", 1<<20),
	} {
		for _, piece := range []int{1, 7, 4096} {
			got, _, err := parseReplies("220 first\r\n"+bad, piece)
			if !errors.Is(err, ErrNotSMTP) {
				t.Errorf("%.40q, pieces of %d: error %v", bad, piece, err)
			} else if len(err.Error()) > 500 {
				t.Errorf("%.40q: an error text of %d bytes", bad, len(err.Error()))
			}
			if len(got) != 1 || got[0].Code != 220 {
				t.Errorf("%.40q, pieces of %d: replies %v before it", bad, piece, got)
			}
		}
	}
}

// TestReplyLimits: the longest that is taken.
func TestReplyLimits(t *testing.T) {
	line := "250 " + strings.Repeat("x", maxReplyLine-4) + "\r\n"
	for _, piece := range []int{1, 100, 4096, 5000} {
		got, _, err := parseReplies(line, piece)
		if err != nil || len(got) != 1 || len(got[0].Lines[0]) != maxReplyLine-4 {
			t.Errorf("a line of %d bytes in pieces of %d: %v", maxReplyLine, piece, err)
		}
	}
	many := strings.Repeat("250-\r\n", 9_999) + "250 \r\n"
	if got, _, err := parseReplies(many, 100); err != nil || len(got) != 1 || len(got[0].Lines) != 10_000 {
		t.Errorf("a reply of 10,000 lines: %v", err)
	}
	// A thousand lines of a server that has much to say: the first are kept.
	long := strings.Repeat("250-"+strings.Repeat("x", 506)+"\r\n", 1000) + "250 \r\n"
	if got, partial, err := parseReplies(long+long, 4096); err != nil || partial || len(got) != 2 || len(strings.Join(got[1].Lines, "")) > keptReply {
		t.Errorf("two replies of 500 kB: %d, %v", len(got), err)
	}
	// A reply's length does not count against the next one's.
	half := strings.Repeat("250-"+strings.Repeat("x", 994)+"\r\n", 40) + "250 \r\n"
	if got, _, err := parseReplies(half+half+half, 4096); err != nil || len(got) != 3 {
		t.Errorf("three replies of 40 kB: %d, %v", len(got), err)
	}
}

// TestReplyMemory: whatever is fed, the parser holds no more than its limits and
// what was fed last.
func TestReplyMemory(t *testing.T) {
	const piece = 4096
	for _, unit := range []string{"x", "250-\n", "250-" + strings.Repeat("x", 4000) + "\r\n", "250 " + strings.Repeat("x", 4092) + "\r\n", "250 ok\r\n"} {
		var p ReplyParser
		fed := strings.Repeat(unit, 1+piece/len(unit))[:piece]
		var err error
		for range 256 {
			p.Feed([]byte(fed))
			for ok := true; ok && err == nil; {
				_, ok, err = p.Next()
			}
			if err != nil {
				break
			}
			held := 0
			for _, l := range p.lines {
				held += len(l)
			}
			if len(p.buf) > maxReplyLine+len("\r") || held > keptReply || len(p.lines) > keptReply/6+1 || cap(p.buf) > 4*(maxReplyLine+piece) {
				t.Fatalf("%.10q: holds %d of a capacity of %d bytes, %d lines of %d bytes", unit, len(p.buf), cap(p.buf), len(p.lines), held)
			}
		}
	}
}

// TestAppendTo shows replies as they go out.
func TestAppendTo(t *testing.T) {
	for _, test := range []struct {
		reply Reply
		want  string
	}{
		{reply(250, "2.0.0", "ok"), "250 2.0.0 ok\r\n"},
		{reply(250, "", "a", "b"), "250-a\r\n250 b\r\n"},
		{reply(550, "5.7.1", "a", "b"), "550-5.7.1 a\r\n550 5.7.1 b\r\n"},
		{reply(250, ""), "250 \r\n"},
		{reply(501, "5.5.4", "what is a\r\n250 ok\nb?"), "501 5.5.4 what is a  250 ok b?\r\n"},
	} {
		if got := string(test.reply.AppendTo(nil)); got != test.want {
			t.Errorf("%v: %q, want %q", test.reply, got, test.want)
		}
	}
}

// TestReplyRoundTrip: what AppendTo writes parses back, in any pieces.
func TestReplyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z .0-9\t\x00é-]{0,30}`)
		want := Reply{
			Code:  rapid.IntRange(200, 599).Draw(t, "code"),
			Lines: rapid.SliceOfN(text, 1, 5).Draw(t, "lines"),
		}
		if rapid.Bool().Draw(t, "has enhanced") {
			want.Enhanced = fmt.Sprintf("%d.%d.%d", want.Code/100, rapid.IntRange(0, 999).Draw(t, "subject"), rapid.IntRange(0, 999).Draw(t, "detail"))
		} else if enhancedCode(want.Code, want.Lines[0]) != "" {
			t.Skip("the text starts like an enhanced code")
		}
		n := rapid.IntRange(1, 5).Draw(t, "times")
		var stream []byte
		for range n {
			stream = want.AppendTo(stream)
		}
		got, partial, err := parseReplies(string(stream), rapid.IntRange(1, 50).Draw(t, "piece"))
		if err != nil || partial || len(got) != n {
			t.Fatalf("%q: %d replies, partial %v, error %v", stream, len(got), partial, err)
		}
		for _, r := range got {
			if diff := cmp.Diff(want, r); diff != "" {
				t.Fatalf("%q (-want +got):\n%s", stream, diff)
			}
		}
	})
}

// TestReplyClasses: what each code means.
func TestReplyClasses(t *testing.T) {
	for _, test := range []struct {
		code int
		want string
	}{
		{200, "accepted"}, {299, "accepted"}, {354, ""},
		{400, "temporary refused"}, {421, "temporary refused closing"}, {499, "temporary refused"},
		{500, "permanent refused command"}, {504, "permanent refused command"},
		{505, "permanent refused"}, {554, "permanent refused"}, {555, "permanent refused command"}, {599, "permanent refused"},
	} {
		r := reply(test.code, "")
		var got []string
		for _, is := range []struct {
			name string
			yes  bool
		}{{"accepted", r.Accepted()}, {"temporary", r.Temporary()}, {"permanent", r.Permanent()},
			{"refused", r.Refused()}, {"closing", r.Closing()}, {"command", r.AboutCommand()}} {
			if is.yes {
				got = append(got, is.name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%d is %v, want %s", test.code, got, test.want)
		}
	}
}

func TestReplyString(t *testing.T) {
	for _, test := range []struct {
		reply Reply
		want  string
	}{
		{Reply{}, "no reply"},
		{reply(250, ""), "250"},
		{reply(250, "2.0.0", "a", "b"), "250 2.0.0 a b"},
		{reply(550, "5.7.1", ""), "550 5.7.1"},
	} {
		if test.reply.String() != test.want || test.reply.Error() != test.want {
			t.Errorf("%q, want %q", test.reply, test.want)
		}
	}
}

// FuzzReplyParser: whatever comes, in whatever pieces, the replies are the same,
// within the limits, and parse back from what AppendTo makes of them.
func FuzzReplyParser(f *testing.F) {
	f.Add("220 2.0.0 a\r\n250-b\n250 c\r\n", 3)
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		got, partial, err := parseReplies(stream, max(1, piece%5000))
		whole, wholePartial, wholeErr := parseReplies(stream, max(1, len(stream)))
		if diff := cmp.Diff(whole, got); diff != "" || (err == nil) != (wholeErr == nil) || err == nil && partial != wholePartial {
			t.Fatalf("in pieces %v %v, whole %v %v:\n%s", partial, err, wholePartial, wholeErr, diff)
		}
		for _, r := range got {
			if r.Code < 200 || r.Code > 599 || len(r.Lines) == 0 || strings.Contains(strings.Join(r.Lines, ""), "\n") {
				t.Fatalf("a reply %#v", r)
			}
			if n := len(strings.Join(r.Lines, "")); n > keptReply {
				t.Fatalf("a reply of %d bytes", n)
			}
			checkAgain(t, r)
		}
	})
}

// checkAgain parses what AppendTo makes of a reply that came from a parser, if
// the enhanced code in every line does not make it too long.
func checkAgain(t *testing.T, r Reply) {
	t.Helper()
	out := string(r.AppendTo(nil))
	if len(out) > maxReplyLine || strings.Contains(strings.Join(r.Lines, ""), "\r") {
		return
	}
	reread, partial, err := parseReplies(out, 4096)
	if diff := cmp.Diff([]Reply{r}, reread); diff != "" || partial || err != nil {
		t.Fatalf("again: partial %v, error %v (-want +got):\n%s", partial, err, diff)
	}
}

// TestReplyAllocations: a reply costs its text and the slice of its lines.
func TestReplyAllocations(t *testing.T) {
	var p ReplyParser
	stream := []byte("250 2.0.0 ok\r\n")
	n := testing.AllocsPerRun(100, func() {
		p.Feed(stream)
		if _, ok, err := p.Next(); !ok || err != nil {
			t.Fatal(ok, err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations a reply", n)
	}
}

func BenchmarkReplyParser(b *testing.B) {
	var p ReplyParser
	stream := []byte("250 2.0.0 ok\r\n")
	b.ReportAllocs()
	for b.Loop() {
		p.Feed(stream)
		if _, ok, err := p.Next(); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
