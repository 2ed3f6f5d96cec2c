//go:build amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// calls are the system calls at which the program is killed, and which fail.
var calls = []string{
	"read", "recvfrom", "poll", "ppoll", "write", "sendmsg", "openat", "fstat", "fcntl", "ioctl", "getsockopt", "close", "close_range",
	"socketpair", "pipe2", "clone", "execve", "shutdown", "socket", "connect", "flock", "pread64", "wait4", "waitid", "exit_group",
}

// queueing is a server in place of qmail-smtpd. It puts a message beside itself when it has
// all of it, and accepts all recipients.
const queueing = `n=0
queue() { n=$((n + 1)); mv "$0.part" "$0.mail.$n"; printf '250 queued %d\r\n' $n; }
printf '220 mx\r\n'
while IFS= read -r line; do
	case $line in
	EHLO*) printf '250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n' ;;
	DATA*) printf '354 go\r\n'
		: >"$0.part"
		while IFS= read -r line; do
			[ "$line" != "$(printf '.\r')" ] || { queue; break; }
			printf '%s\n' "$line" >>"$0.part"
		done ;;
	BDAT*)
		size=${line#BDAT } size=${size%% *}
		head -c "$size" >"$0.part"
		if [ "$(wc -c <"$0.part")" -eq "$size" ]; then queue; fi ;;
	QUIT*) printf '221 bye\r\n'; exit 17 ;;
	*) printf '250 ok\r\n' ;;
	esac
done
exit 18
`

// client is all that the client says, without waiting. Its second message goes by BDAT.
const client = "EHLO a\r\nMAIL FROM:<s@x>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n" +
	"Subject: one\r\n\r\nRCPT TO:<nobody@example.org>\r\n.\r\n" +
	"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<nobody@example.org>\r\nBDAT 22 LAST\r\nSubject: two\r\n\r\nbody\r\nQUIT\r\n"

// heard is all that the client hears. Each refusal is the program's, or "250 ok" of the server
// if the program could not ask.
const heard = "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n" + refusal + "250 ok\r\n354 go\r\n250 queued 1\r\n" +
	"250 ok\r\n250 ok\r\n" + refusal + "250 queued 2\r\n221 bye\r\n"

const refusal = "550 5.1.1 no user \\ \"here\"\r\n"

var queued = []string{"Subject: one\r\n\r\nRCPT TO:<nobody@example.org>\r\n", "Subject: two\r\n\r\nbody\r\n"}

// A face of the program is run with a fault, and says how far it came.
type face func(t *testing.T, dir string, fault []string) (code int, out string)

// TestKilledOrFailingAtEachCall: killed at any system call, or if any fails, the client hears
// what the server and the program said in order, and nothing twice. What it hears is true: no
// known recipient is refused, and a message that is called queued is there, whole and once.
// The server ends. Postfix, and a person, hear no refusal of a known recipient either.
func TestKilledOrFailingAtEachCall(t *testing.T) {
	require.Time(t)
	require.OK(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) // what it leaves behind is ours
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	dir := learnt(t)
	for name, run := range map[string]face{
		"filter": filtered,
		"policy": asked,
		"once":   askedOnce,
	} {
		t.Run(name, func(t *testing.T) {
			points, whole := 0, 0
			for _, what := range []string{"kill", "EINTR", "EIO", "ENOMEM"} {
				for _, call := range calls {
					p, w := eachPoint(t, run, dir, call, what)
					points, whole = points+p, whole+w
				}
			}
			t.Logf("%d points, %d whole", points, whole)
			if whole == 0 || whole == points {
				t.Error("the faults do not reach the program")
			}
		})
	}
}

// eachPoint tries a fault at each call of a kind. It returns how many there are, and after how
// many the program's exit code was that of no fault.
func eachPoint(t *testing.T, run face, dir, call, what string) (points, whole int) {
	t.Helper()
	if what != "kill" && slices.Contains([]string{"close", "exit_group"}, call) {
		return 0, 0 // Linux closes a descriptor even if it reports an error
	}
	for n := 1; ; n++ {
		report := filepath.Join(t.TempDir(), "report")
		code, out := run(t, dir, []string{"-o", report, call, strconv.Itoa(n), what})
		text, err := os.ReadFile(report)
		require.OK(t, err)
		if !strings.HasPrefix(string(text), "struck ") {
			return points, whole
		}
		points++
		if code == 17 || code == 0 || code == 1 {
			whole++
		}
		if t.Failed() {
			t.Fatalf("%s at %s %d: exit %d, it said %q", what, call, n, code, out)
		}
	}
}

// injected is the program with a fault.
func injected(dir string, fault []string, args ...string) *exec.Cmd {
	cmd := command()
	cmd.Path = filepath.Join(bin, "inject")
	cmd.Args = slices.Concat([]string{"inject"}, fault, []string{filepath.Join(bin, "vodmr-rcpt"), "-d", dir}, args)
	return cmd
}

// awaitOrphans waits for what the program left behind.
func awaitOrphans(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err == unix.ECHILD {
			return
		}
	}
	t.Error("the server does not end")
}

func filtered(t *testing.T, dir string, fault []string) (code int, out string) {
	t.Helper()
	path := server(t, queueing)
	cmd := injected(dir, fault, path)
	conn, far := dialogue.Pair(t)
	cmd.Stdin, cmd.Stdout = far, far
	require.OK(t, cmd.Start())
	far.Close()
	conn.Send(client)
	out = readAll(t, conn)
	_ = cmd.Wait()
	conn.Close()
	awaitOrphans(t)
	if !heardInTurn(out, heard, refusal, "250 ok\r\n") {
		t.Errorf("heard out of order")
	}
	for i, want := range queued {
		got, err := os.ReadFile(path + ".mail." + strconv.Itoa(i+1))
		if says := strings.Contains(out, fmt.Sprintf("250 queued %d", i+1)); says && err != nil || err == nil && string(got) != want {
			t.Errorf("message %d is %q", i+1, got)
		}
	}
	if more, _ := filepath.Glob(path + ".mail.*"); len(more) > len(queued) {
		t.Errorf("there are %q", more)
	}
	return cmd.ProcessState.ExitCode(), out
}

// heardInTurn reports if a text is a beginning of whole. Each refusal in it may be missing, with the
// text of other in its place, since the program may have been unable to ask.
func heardInTurn(text, whole, refusal, other string) bool {
	before, after, found := strings.Cut(whole, refusal)
	if !found || len(text) <= len(before) {
		return strings.HasPrefix(whole, text)
	}
	rest, ok := strings.CutPrefix(text, before)
	if !ok {
		return false
	}
	for _, says := range []string{refusal, other} {
		if strings.HasPrefix(says, rest) {
			return true
		}
		if further, ok := strings.CutPrefix(rest, says); ok && heardInTurn(further, after, refusal, other) {
			return true
		}
	}
	return false
}

// asked asks as Postfix does.
func asked(t *testing.T, dir string, fault []string) (code int, out string) {
	t.Helper()
	questions := ""
	for _, user := range []string{"bob", "nobody", "bob"} {
		questions += "protocol_state=RCPT\nrecipient=" + user + "@example.org\n\n"
	}
	code, out = result(injected(dir, fault, "-P"), questions)
	const no, yes = "action=550 5.1.1 no user \\ \"here\"\n\n", "action=DUNNO\n\n"
	if !heardInTurn(out, yes+no+yes, no, yes) {
		t.Errorf("answered out of order")
	}
	return code, out
}

// askedOnce asks about a recipient that the customer has.
func askedOnce(t *testing.T, dir string, fault []string) (code int, out string) {
	t.Helper()
	code, out = result(injected(dir, fault, "bob@example.org"), "")
	if code == exitUnknown || strings.HasPrefix(out, "5") {
		t.Errorf("the recipient is refused")
	}
	return code, out
}

func result(cmd *exec.Cmd, in string) (code int, out string) {
	var stdout strings.Builder
	cmd.Stdin, cmd.Stdout = strings.NewReader(in), &stdout
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), stdout.String()
}
