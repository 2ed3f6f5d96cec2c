package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/confine"
	"vodmr/internal/verdict"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// keeperVariable has the test's own program be vodmr. Its talker is then this program too,
// and in the hands of a stranger, who is the customer as well.
const keeperVariable = "VODMR_TEST_KEEPER"

// keyOf2 is the victim's key, as keyOf1 is the stranger's.
const keyOf2 = "0200000000000000000000000000000000000000000000000000000000000000"

// request is a login as a talker asks for it.
func request(kind byte, fields ...string) string {
	text := strings.Join(fields, "\x00") + "\x00"
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(text)))) + text
}

const victim = "victim@example.org"

// attacks are what the talker sends to the keeper once TLS has begun, by the first word of
// HOST: the only thing that the test can tell a talker.
func attacks() map[string]string {
	return map[string]string{
		"own":         request('x', "odmr@example.org", "", ""),
		"claims":      request('x', victim, "", ""),
		"nothing":     request('l', victim, "", ""),
		"variable":    request('l', victim, "SSL_CLIENT_KEY_SHA256="+keyOf2, ""),
		"environment": request('l', victim, "VODMR_EXTERNAL=sha256:"+keyOf2, ""),
		"key":         request('x', victim, "sha256:"+keyOf2, ""),
		"smuggles":    request('x', victim, "", "", "SSL_CLIENT_KEY_SHA256="+keyOf2),
		"twice":       request('x', victim, "", "") + request('x', "odmr@example.org", "", ""),
		"begins":      "s" + request('x', "odmr@example.org", "", ""),
		"answers":     request('l', victim, "guess", ""),
		"long":        request('l', victim, strings.Repeat("x", 600), ""),
	}
}

// hijacked is the talker. It gives up its rights before a stranger can have it.
func hijacked() int {
	o, err := parseOptions(os.Args[1:])
	if err == nil {
		err = confine.EnterReader(os.Getenv(talkerVariable))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	attack, _, _ := strings.Cut(o.host, ".")
	say(1, "220 hijacked\r\n")
	say(3, "s")
	_ = answer()
	_ = unix.Dup2(5, 0)
	_ = unix.Dup2(6, 1)
	if attack == "answers" {
		say(4, "\x00")
		if fd, err := unix.Open("/proc/self/fd/4", unix.O_WRONLY, 0); err == nil {
			say(fd, "\x00")
		}
		say(0, "I am in\r\n")
	}
	say(3, attacks()[attack])
	say(1, "answer "+answer()+"\r\n")
	return 0
}

func say(fd int, text string) { _, _ = unix.Write(fd, []byte(text)) }

// answer reads one byte from the keeper, or what the keeper became, that is an answer.
func answer() string {
	b := [1]byte{byte(verdict.Begun)}
	for verdict.Verdict(b[0]) == verdict.Begun {
		if n, err := unix.Read(4, b[:]); n != 1 {
			return fmt.Sprintf("none, %v", err)
		}
	}
	return fmt.Sprint(b[0])
}

// A talker in a stranger's hands gets the mail that the stranger's own key opens, and no
// other: it can claim neither another's certificate nor a login that was not checked.
func TestHijackedTalkerGetsNoMail(t *testing.T) {
	t.Parallel()
	file := accounts(t, t.TempDir(), "odmr@example.org")
	text := require.File(t, file)
	for login, key := range map[string]string{"odmr": keyOf1, "victim": keyOf2} {
		line := strings.Replace(text, "odmr@", login+"@", 1)
		text += strings.Replace(line[:strings.Index(line, "\n")+1], "tanstaaftanstaaf", "sha256:"+key, 1)
	}
	text = text[strings.Index(text, "\n")+1:] // nobody logs in by a password
	require.OK(t, os.WriteFile(file, []byte(text), 0o600))
	const mail = `printf '\000' >&4; printf 'mail of %s\r\n' "$VPOPUSER"`
	for attack := range attacks() {
		for _, key := range []string{keyOf1, ""} {
			t.Run(attack+" with key "+key, func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command(os.Args[0], attack+".example", bin+"/vodmr-checkpw", file, "sh", "-c", mail)
				w := wrapProgram(t, cmd, keeperVariable+"=yes")
				w.Run("S: 220 hijacked")
				w.asked()
				variables := []string{"SSL_PROTOCOL=TLSv1.3"}
				if key != "" {
					variables = append(variables, "SSL_CLIENT_KEY_SHA256="+key)
				}
				w.receive(variables...)
				_ = w.inside.Net().SetDeadline(time.Now().Add(time.Minute))
				got, err := io.ReadAll(w.inside.Net())
				if err != nil {
					t.Fatal(err)
				}
				own := attack == "own" && key != ""
				if strings.Contains(string(got), "mail of "+victim) || strings.Contains(string(got), "mail of ") != own {
					t.Errorf("the stranger got %q", got)
				}
			})
		}
	}
}

// wrapProgram starts a program with the descriptors of UCSPI-TLS: 3, 4 and 5.
func wrapProgram(t *testing.T, cmd *exec.Cmd, environ ...string) wrapped {
	t.Helper()
	control, controlEnd := dialogue.Pair(t)
	inside, data := dialogue.Pair(t)
	cmd.Env = append(os.Environ(), "TCPREMOTEIP=127.0.0.1", "SSLCTLFD=3", "SSLREADFD=4", "SSLWRITEFD=5")
	cmd.Env = append(cmd.Env, environ...)
	cmd.ExtraFiles = []*os.File{controlEnd, data, data}
	p := dialogue.Start(t, cmd)
	controlEnd.Close()
	data.Close()
	return wrapped{server{p.Conn, p.End, p.PID}, t, control, inside}
}
