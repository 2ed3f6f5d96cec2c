package smtp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A stuttering is a Stream: its input comes in pieces of a given size, and its output
// is kept.
type stuttering struct {
	in   string
	size int
	out  bytes.Buffer
}

func (p *stuttering) Read(b []byte) (int, error) {
	if p.in == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *stuttering) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *stuttering) SetDeadline(time.Time) error { return nil }
func (p *stuttering) parse() (int, []Reply, error) {
	replies, partial, err := parseReplies(p.out.String(), 4096)
	if partial {
		err = errors.Join(err, errors.New("half a reply"))
	}
	return p.out.Len(), replies, err
}

// talk is what a Server made of a stream: the commands that ran, the replies, and
// how it ended.
type talk struct {
	Ran     []string
	Replies []Reply
	End     string
	buffer  int // the largest that the line reader's was
}

func listen(t *testing.T, stream string, size int) talk {
	var made talk
	p := &stuttering{in: stream, size: size}
	s := NewServer(p)
	command := func(verb string, end error) Command {
		return func(arg string) (Reply, error) {
			made.Ran = append(made.Ran, verb+" "+arg)
			made.buffer = max(made.buffer, cap(s.Lines.buf))
			return NewReply(250, "2.0.0", start(arg)), end
		}
	}
	s.Commands = map[string]Command{"NOOP": command("NOOP", nil), "STARTTLS": command("STARTTLS", nil), "QUIT": command("QUIT", ErrQuit)}
	err := s.Serve()
	made.buffer = max(made.buffer, cap(s.Lines.buf))
	if err != nil {
		made.End = err.Error()
	}
	size, replies, err := p.parse()
	if err != nil {
		t.Fatalf("%q was answered with %q: %v", stream, p.out.String()[:min(size, 200)], err)
	}
	made.Replies = replies
	return made
}

// start is as much of an argument as a reply may hold and still be parsed.
func start(arg string) string { return arg[:min(len(arg), 1000)] }

// model is what a Server should do with a stream, worked out on the whole of it.
func model(stream string) (want talk) {
	unknown := 0
	for {
		line, rest, whole := strings.Cut(stream, "\n")
		line = strings.TrimSuffix(line, "\r")
		switch {
		case len(line) > MaxCommandLine:
			want.Replies = append(want.Replies, ReplyLineTooLong(), ReplyLineTooLongBye())
			want.End = ReplyLineTooLongBye().Error()
			return want
		case !whole:
			want.End = io.EOF.Error()
			return want
		}
		stream = rest
		verb, arg := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			verb, arg = line[:i], line[i:]
		}
		arg = strings.Trim(arg, " \t")
		verb = strings.Map(func(c rune) rune {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			return c
		}, verb)
		switch verb {
		case "NOOP", "STARTTLS", "QUIT":
			want.Ran = append(want.Ran, verb+" "+arg)
			want.Replies = append(want.Replies, NewReply(250, "2.0.0", strings.ReplaceAll(start(arg), "\r", " ")))
			if verb == "QUIT" {
				return want
			}
			continue
		}
		want.Replies = append(want.Replies, ReplyUnknown())
		if unknown++; unknown == maxUnknown {
			want.Replies = append(want.Replies, ReplyTooManyUnknown())
			want.End = ReplyTooManyUnknown().Error()
			return want
		}
	}
}

// FuzzServer: each line is answered by its own command and no other, whatever the
// pieces that it comes in; no argument makes a reply of its own; and the longest
// line bounds the memory.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		"", "NOOP\r\nQUIT\r\n", "noop  a b \t\r\nquit\r\nNOOP after\r\n", "NOOP a", "\r\n\n", "NOOP\ta\r\n", " NOOP\r\n",
		"\u017fTARTTLS\r\nSTART\u017fTLS\r\nstarttls\r\n", "NOOP a\rQUIT\rb\r\r\n", "NOOP a\x00b\xff\n", strings.Repeat("X\n", 11),
		"NOOP " + strings.Repeat("a", 3000) + "\r\nQUIT\r\n", strings.Repeat("a", MaxCommandLine) + "\r\nQUIT\r\n",
		strings.Repeat("a", MaxCommandLine+1) + "\r\nQUIT\r\n", strings.Repeat("a", MaxCommandLine+1),
		strings.Repeat("a", MaxCommandLine) + "\r", strings.Repeat("a", MaxCommandLine+1) + "\r", "GET / HTTP/1.1\r\nHost: x\r\n\r\nNOOP\r\n",
	} {
		f.Add(seed, 7)
	}
	f.Fuzz(func(t *testing.T, stream string, size int) {
		if len(stream) > 4*MaxCommandLine { // of more, no other line is read
			return
		}
		want := model(stream)
		got := listen(t, stream, max(1, size%5000))
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".buffer" }, cmp.Ignore())); diff != "" {
			t.Errorf("%q in pieces of %d (-want +got):\n%s", stream, max(1, size%5000), diff)
		}
		if got.buffer > MaxCommandLine+3*readChunk {
			t.Errorf("a buffer of %d bytes", got.buffer)
		}
	})
}
