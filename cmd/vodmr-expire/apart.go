package main

import (
	"errors"
	"os"
	"os/exec"

	"vodmr/internal/logline"
)

// expireApart runs this program for one argument: it becomes the Maildir's owner, which
// cannot be undone, and the next Maildir has another.
func (o flags) expireApart(arg string) int {
	path, err := os.Executable()
	if err == nil {
		cmd := exec.Command(path, o.args(arg)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err = cmd.Run()
	}
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode() // it has said why
	}
	logline.New(2, program, arg).Event("error", logline.Err(err))
	return exitTemporary
}

// args are the arguments of that program.
func (o flags) args(arg string) []string {
	args := []string{"-q", o.qmail}
	if o.rules != "" {
		args = append(args, "-x", o.rules)
	}
	if o.show {
		args = append(args, "-n")
	}
	if o.force {
		args = append(args, "-f")
	}
	return append(args, "--", arg)
}
