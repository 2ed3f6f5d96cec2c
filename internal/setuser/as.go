package setuser

import (
	"errors"
	"fmt"
	"syscall"
)

// As runs do with the rights of a user with one group, and then takes root's back. If
// the user cannot read a file, do cannot either, even if the user swaps links meanwhile.
// It is for reading, as While is: do must start no other program. If the program is not
// root's, or the user is root, do just runs.
func As(uid, gid int, do func() error) error {
	if syscall.Geteuid() != 0 || uid == 0 {
		return do()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("remember groups: %w", err)
	}
	group := syscall.Getegid()
	err = layAside(uid, gid)
	if err == nil {
		err = do()
	}
	return errors.Join(err, takeBack(group, groups))
}
