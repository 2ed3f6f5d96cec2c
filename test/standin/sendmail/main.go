// Sendmail stands in for a sendmail(1) in tests. It keeps each rule that its callers rely
// on:
//
//   - the message is standard input up to its end, and -i lets a line with a dot stay;
//   - the recipients are the words behind "--", the sender is -f's;
//   - it leaves nothing behind if it is killed before it took the message;
//   - it exits by sysexits(3).
//
// A message that it took becomes NAME.message in the folder $STANDIN_SENDMAIL, with its
// command line in NAME.arguments and its environment in NAME.environment, one word a line. If
// that folder has a file "play", its words say what to do instead of taking the message:
//
//	exit N       read the message, then exit N
//	unread N     exit N at once
//	say N TEXT   print TEXT on both outputs, and exit N
//	hang         leave a child in the same group, and never end
//	stubborn     the same, and ignore SIGTERM
//	late         wait for SIGTERM, then take the message
//	crash        die by a signal
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	exitOK       = 0
	exitUsage    = 64
	exitNoInput  = 66
	exitTempFail = 75
)

func main() { os.Exit(run(os.Args, os.Getenv("STANDIN_SENDMAIL"))) }

func run(args []string, folder string) int {
	text, err := os.ReadFile(filepath.Join(folder, "play"))
	if err != nil {
		return take(args, folder)
	}
	part, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	number, words, _ := strings.Cut(rest, " ")
	code, _ := strconv.Atoi(number)
	return play(args, folder, part, code, words)
}

// play does something that a good sendmail does not.
func play(args []string, folder, part string, code int, words string) int {
	if part == "exit" {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	if part == "say" {
		fmt.Print(words)
		fmt.Fprint(os.Stderr, words)
	}
	if part == "crash" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if part == "late" {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		ready(folder, "0")
		<-signals
		return take(args, folder)
	}
	if part == "hang" || part == "stubborn" {
		return hang(folder, part == "stubborn")
	}
	return code
}

// hang never ends. Its child, whose process id is in the file child, does not either.
func hang(folder string, stubborn bool) int {
	if stubborn {
		signal.Ignore(syscall.SIGTERM)
	}
	child := exec.Command("sleep", "100000")
	if err := child.Start(); err != nil {
		return exitTempFail
	}
	ready(folder, strconv.Itoa(child.Process.Pid))
	_ = child.Wait()
	select {}
}

// ready tells the test that the program is there.
func ready(folder, text string) {
	name := filepath.Join(folder, "child")
	_ = os.WriteFile(name+".tmp", []byte(text), 0o644)
	_ = os.Rename(name+".tmp", name)
}

// take takes the message. Its last file gets its name last.
func take(args []string, folder string) int {
	if len(args) < 6 || args[1] != "-i" || args[2] != "-f" || args[4] != "--" {
		return exitUsage
	}
	message, err := io.ReadAll(os.Stdin)
	if err != nil {
		return exitNoInput
	}
	name := filepath.Join(folder, strconv.Itoa(os.Getpid()))
	for _, part := range []struct{ suffix, text string }{
		{".arguments", strings.Join(args[1:], "\n")},
		{".environment", strings.Join(os.Environ(), "\n")},
		{".message", string(message)},
	} {
		if os.WriteFile(name+".tmp", []byte(part.text), 0o644) != nil || os.Rename(name+".tmp", name+part.suffix) != nil {
			return exitTempFail
		}
	}
	return exitOK
}
