// Package verdict owns the byte by which the programs behind vodmr tell it what became of a
// login. vodmr's talker waits for it; VODMR_AUTHFD names the descriptor.
package verdict

import (
	"errors"
	"os"
	"strconv"

	"vodmr/internal/fdio"
)

// Variable names the descriptor that a verdict is written to.
const Variable = "VODMR_AUTHFD"

// A Verdict is the byte. The end of file without one is a refusal, but trouble if Begun came
// before it. Any byte but those below is a login too, and the connection belongs to its writer
// from then on.
type Verdict byte

const (
	LoggedIn Verdict = 0
	// The troubles are not the customer's fault: 454, and the log says which.
	NotRun       Verdict = 1 // the checkpassword program could not be run
	NotChecked   Verdict = 2 // it could not check the password
	NotTakenOver Verdict = 3 // vodmr-relay could not begin
	// Refused is said by vodmr-checkpw. Other checkpassword programs refuse by silence.
	Refused Verdict = 4
	// Begun is no verdict: another byte follows. If none does, the program or the one behind
	// it has fallen, for example because it got no memory.
	Begun Verdict = 5
)

// Err says what a verdict means; nil is a login.
func (v Verdict) Err() error {
	switch v {
	case NotRun:
		return errors.New("the checkpassword program could not be run")
	case NotChecked:
		return errors.New("the checkpassword program could not check the password")
	case NotTakenOver:
		return errors.New("the program behind the checkpassword program could not begin")
	case Refused:
		return errors.New("the checkpassword program refused the login")
	case Begun:
		return errors.New("the checkpassword program has not decided yet")
	}
	return nil
}

// FD is the descriptor that the environment names, -1 if it names none.
func FD() int {
	fd, err := strconv.Atoi(os.Getenv(Variable))
	if err != nil || fd < 3 {
		return -1
	}
	return fd
}

// Say writes a verdict, if there is a place for it.
func Say(v Verdict) error {
	fd := FD()
	if fd < 0 {
		return errors.New(Variable + " names no descriptor")
	}
	return fdio.WriteAll(fd, []byte{byte(v)})
}
