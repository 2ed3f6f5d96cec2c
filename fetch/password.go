package fetch

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
)

// maxPassword bounds what is read of a password file, in bytes.
const maxPassword = 4096

// ReadPassword returns the first line of a file, and whether users other than
// its owner and group may read it. The error is misuse, or trouble that may pass.
func ReadPassword(file string) (password string, exposed bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", false, unreadable("password", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", false, unreadable("password", err)
	}
	line, err := bufio.NewReader(io.LimitReader(f, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, unreadable("password", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || strings.ContainsRune(line, 0) {
		return "", false, misuse("the first line of %s is no password", file)
	}
	return line, info.Mode().Perm()&0o004 != 0, nil
}
