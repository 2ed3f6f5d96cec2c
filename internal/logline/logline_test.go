package logline

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"vodmr/test/kit/logformat"
)

// datagrams makes a socket: each write to it arrives as one packet, and a func
// that reads the next one.
func datagrams(t testing.TB) (fd int, next func() string) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], func() string {
		t.Helper()
		buf := make([]byte, 64<<10)
		n, _, err := unix.Recvfrom(fds[1], buf, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// TestLines shows how lines look.
func TestLines(t *testing.T) {
	fd, next := datagrams(t)
	l := New(fd, "vodmr-relay", "4711")
	for _, test := range []struct {
		event  string
		fields []Field
		want   string
	}{
		{"end", nil, "vodmr-relay: 4711 end\n"},
		{"success", []Field{F("file", "new/1.2.h,S=3"), F("from", "<>"), N("bytes", -12), F("reply", "250 2.0.0 ok")},
			`vodmr-relay: 4711 success file="new/1.2.h,S=3" from=<> bytes=-12 reply="250 2.0.0 ok"` + "\n"},
		{"error", []Field{Err(io.EOF)}, "vodmr-relay: 4711 error error=EOF\n"},
		{"atrn", []Field{F("user", ""), F("domains", `a"b\c`)}, `vodmr-relay: 4711 atrn user="" domains="a\"b\\c"` + "\n"},
		{"atrn", []Field{F("user", "é\x00\x7f")}, `vodmr-relay: 4711 atrn user="\xc3\xa9\x00\x7f"` + "\n"},
		// Text that would forge a line, a key or the end of a value.
		{"refused", []Field{F("user", "x\nvodmr: 1 login user=root")}, `vodmr-relay: 4711 refused user="x\x0avodmr: 1 login user=root"` + "\n"},
		{"refused", []Field{F("user", `x" ip=1.2.3.4 y="`)}, `vodmr-relay: 4711 refused user="x\" ip=1.2.3.4 y=\""` + "\n"},
		{"refused", []Field{F("user", "ip=1.2.3.4")}, `vodmr-relay: 4711 refused user="ip=1.2.3.4"` + "\n"},
	} {
		l.Event(test.event, test.fields...)
		if got := next(); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
		if more := next(); more != "" {
			t.Errorf("a second write %q", more)
		}
	}
}

// TestSession: a session's name cannot forge anything either.
func TestSession(t *testing.T) {
	fd, next := datagrams(t)
	for _, session := range []string{"", "1 login user=root", "1\n2", strings.Repeat("9", 5000)} {
		New(fd, "vodmr", session).Event("end", F("ip", "::1"))
		got := next()
		l, err := logformat.Parse(got)
		if err != nil || l.Event != "end" || len(l.Fields) != 1 || len(got) > 120 {
			t.Errorf("session %.20q: %q, %v", session, got, err)
		}
	}
}

var keys = []string{"file", "from", "to", "bytes", "reply", "user", "reason", "error"}

// value is any text, biased to what needs escaping and to any length.
func value() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab =\"\\\n\r\t\x00.")), 0, 60, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
		rapid.Custom(func(t *rapid.T) string {
			unit := rapid.SampledFrom([]string{"x", " ", "\n", `"`, "ab\xff"}).Draw(t, "unit")
			return strings.Repeat(unit, rapid.IntRange(0, 2000).Draw(t, "times"))
		}),
	)
}

// asRead is what a reader of the log makes of fields.
func asRead(fields []Field) (read []logformat.Field) {
	for _, f := range fields {
		read = append(read, logformat.Field(f))
	}
	return read
}

// TestAnyValueParsesBack: any fields in any order come back as they were if
// the line fits; otherwise each that stays is whole or a beginning with "..." behind
// it, none is out of order, and the line is never too long.
func TestAnyValueParsesBack(t *testing.T) {
	fd, next := datagrams(t)
	rapid.Check(t, func(rt *rapid.T) {
		var fields []Field
		for range rapid.IntRange(0, 12).Draw(rt, "fields") {
			fields = append(fields, F(rapid.SampledFrom(keys).Draw(rt, "key"), value().Draw(rt, "value")))
		}
		New(fd, "vodmr", "17").Event("success", fields...)
		text := next()
		if len(text) > MaxLine {
			rt.Fatalf("a line of %d bytes", len(text))
		}
		got, err := logformat.Parse(text)
		if err != nil {
			rt.Fatal(err)
		}
		if full := fullLength("vodmr: 17 success", fields); full <= MaxLine {
			want := logformat.Line{Program: "vodmr", Session: "17", Event: "success", Fields: asRead(fields)}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("%q (-want +got):\n%s", text, diff)
			}
			return
		}
		if next() != "" {
			rt.Fatal("more than one write")
		}
		checkCut(rt, asRead(fields), got.Fields)
	})
}

// fullLength is how long the line is uncut, by the grammar.
func fullLength(start string, fields []Field) int {
	n := len(start) + 1
	for _, f := range fields {
		n += len(f.Key) + 2
		bare := f.Value != ""
		escaped := 2
		for _, c := range []byte(f.Value) {
			switch {
			case c < ' ' || c > '~':
				escaped += 4
				bare = false
			case c == '"' || c == '\\':
				escaped += 2
				bare = false
			default:
				escaped++
				bare = bare && c != ' ' && c != '='
			}
		}
		if bare {
			escaped -= 2
		}
		n += escaped
	}
	return n
}

func checkCut(t *rapid.T, want, got []logformat.Field) {
	if len(got) > len(want) {
		t.Fatalf("%d fields of %d", len(got), len(want))
	}
	cut := len(got) < len(want)
	for i, f := range got {
		if f.Key != want[i].Key {
			t.Fatalf("key %q, want %q", f.Key, want[i].Key)
		}
		if f.Value == want[i].Value {
			continue
		}
		cut = true
		start, ok := strings.CutSuffix(f.Value, "...")
		if !ok || !strings.HasPrefix(want[i].Value, start) {
			t.Fatalf("value %q is no beginning of %q", f.Value, want[i].Value)
		}
	}
	if !cut {
		t.Fatal("a line was too long and nothing was cut")
	}
}

// TestWhatIsCut: the reply first, then the longest; and the line is used up.
func TestWhatIsCut(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		name   string
		fields []Field
		want   []int // lengths of the values as they are written
	}{
		{"one byte more than fits", []Field{F("from", long(400)), F("to", long(400)), F("reply", long(172))}, []int{400, 400, 171}},
		{"exactly", []Field{F("from", long(400)), F("to", long(400)), F("reply", long(171))}, []int{400, 400, 171}},
		{"reply shorter than another", []Field{F("to", long(700)), F("reply", long(600))}, []int{700, 277}},
		{"the reply alone is not enough", []Field{F("to", long(2000)), F("reply", long(600))}, []int{857, 120}},
		{"no reply", []Field{F("from", long(2000)), F("error", long(300))}, []int{675, 300}},
		{"reply and others of its length", func() (fields []Field) {
			fields = append(fields, F("reply", long(300)))
			for range 9 {
				fields = append(fields, F("to", long(119)))
			}
			return fields
		}(), []int{20, 20, 72, 119, 119, 119, 119, 119, 119, 119}},
		{"too many", func() (fields []Field) {
			for range 50 {
				fields = append(fields, F("error", long(50)))
			}
			return fields
		}(), []int{20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20}},
	} {
		fd, next := datagrams(t)
		New(fd, "vodmr", "17").Event("e", test.fields...)
		text := next()
		l, err := logformat.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for i, f := range l.Fields {
			n := len(f.Value)
			if f.Value != test.fields[i].Value {
				n += 2 // quotes
			}
			got = append(got, n)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %d bytes (-want +got):\n%s", test.name, len(text), diff)
		}
	}
}

// TestFailedWrites: a log that is gone ends nothing. A child process logs to a
// closed pipe and to no descriptor at all, and lives.
func TestFailedWrites(t *testing.T) {
	if os.Getenv("LOGLINE_CHILD") != "" {
		l := New(2, "vodmr", "17")
		for range 3 {
			l.Event("end", F("reason", "closed"))
		}
		New(99, "vodmr", "17").Event("end")
		fmt.Println("alive")
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFailedWrites$", "-test.v")
	child.Env = append(os.Environ(), "LOGLINE_CHILD=1")
	child.Stderr = w
	r.Close()
	out, err := child.Output()
	w.Close()
	if err != nil || !strings.Contains(string(out), "alive") {
		t.Errorf("the child ended with %v: %s", err, out)
	}
}

// TestAllocations: a line that fits costs none.
func TestAllocations(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l := New(fd, "vodmr-relay", "17")
	if n := testing.AllocsPerRun(100, func() { success(l) }); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
	l.Event("error", F("reply", strings.Repeat("\x00", 64<<10)))
	if cap(l.line) > 4*MaxLine {
		t.Errorf("the logger keeps %d bytes after a long reply", cap(l.line))
	}
}

func success(l *Logger) {
	l.Event("success", F("file", "new/1700000000.123.host,S=4096"), F("from", "<sender@example.org>"),
		F("to", "<recipient@example.net>"), F("bytes", "4096"), F("reply", "250 2.0.0 taken as 4711"))
}

func BenchmarkEvent(b *testing.B) {
	fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	l := New(fd, "vodmr-relay", "17")
	b.ReportAllocs()
	for b.Loop() {
		success(l)
	}
}
