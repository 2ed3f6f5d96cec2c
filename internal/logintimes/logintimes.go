// Package logintimes owns the form of FILE.times.cdb beside a file of logins: for each login
// the time when its line was last seen to have changed. It holds no secret, so that a
// session may read it that must not read the file itself.
package logintimes

import "strconv"

// Variable names, for the program behind vodmr-checkpw, the file of logins by its absolute path.
const Variable = "VODMR_LOGINS"

// Name is the path of the times of a file of logins.
func Name(file string) string { return file + ".times.cdb" }

// Head is the value of the empty key: it tells the state of the file of logins that the
// times are of. changed is when that last changed, in Unix nanoseconds, and size is in bytes.
func Head(changed, size int64) string {
	return "vodmr-checkpw times 1 " + strconv.FormatInt(changed, 10) + " " + strconv.FormatInt(size, 10)
}
