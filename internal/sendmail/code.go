package sendmail

import (
	"cmp"
	"fmt"

	"golang.org/x/sys/unix"
)

// Exit codes of qmail-queue(8). 11 to 40 are for good, all others for now.
const (
	CodeLongAddress = 11  // an address is too long
	CodeRefused     = 31  // the message can never be sent
	CodeMemory      = 51  // out of memory, or too many recipients
	CodeTimeout     = 52  // the writer or sendmail was silent for too long
	CodeWrite       = 53  // the temporary file cannot be written: the disk may be full
	CodeRead        = 54  // message or envelope cannot be read to the end
	CodeConfig      = 55  // sendmail or its settings are wrong
	CodeTemporary   = 71  // sendmail refuses for now
	CodeProtocol    = 74  // sendmail's talk with its server failed
	CodeInternal    = 81  // sendmail was killed, or finds a fault in itself
	CodeEnvelope    = 91  // the envelope is malformed
	CodeNoProgram   = 120 // there is no sendmail, or it cannot be run
)

// A Failure is the reason why a message was not sent.
type Failure struct {
	Code int    // for the caller
	Text string // what is wrong, in words
	Err  error  // the cause, if there is one
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Text
	}
	return f.Text + ": " + f.Err.Error()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// codes are qmail-queue's exit codes for those of sendmail, which sysexits(3) names.
// All that is not here, such as 1, is for now: a message is rather sent late than lost.
func codes() map[int]int {
	return map[int]int{
		64:  CodeInternal,  // EX_USAGE
		65:  CodeRefused,   // EX_DATAERR
		66:  CodeRead,      // EX_NOINPUT
		67:  CodeRefused,   // EX_NOUSER
		68:  CodeRefused,   // EX_NOHOST
		69:  CodeTemporary, // EX_UNAVAILABLE
		70:  CodeInternal,  // EX_SOFTWARE
		71:  CodeMemory,    // EX_OSERR
		72:  CodeConfig,    // EX_OSFILE
		73:  CodeWrite,     // EX_CANTCREAT
		74:  CodeWrite,     // EX_IOERR
		75:  CodeTemporary, // EX_TEMPFAIL
		76:  CodeProtocol,  // EX_PROTOCOL
		77:  CodeTemporary, // EX_NOPERM
		78:  CodeConfig,    // EX_CONFIG
		127: CodeNoProgram, // a shell script did not find its program
	}
}

// judge makes an error of the way that sendmail ended; nil is exit code 0.
func judge(status unix.WaitStatus) error {
	if status.Signaled() {
		return &Failure{Code: CodeInternal, Text: "sendmail was killed by signal " + status.Signal().String()}
	}
	exit := status.ExitStatus()
	if exit == 0 {
		return nil
	}
	return &Failure{Code: cmp.Or(codes()[exit], CodeTemporary), Text: fmt.Sprintf("sendmail did not take the message: its exit code is %d", exit)}
}
