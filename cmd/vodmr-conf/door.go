package main

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// setDoor plans the folder where vodmr-rcpt asks about recipients: it belongs to the owner
// of the Maildirs, and its group may ask.
func (s *service) setDoor(known accounts, group, owner, account string) error {
	if group == "" && owner == "" {
		return nil
	}
	owner = cmp.Or(owner, account)
	found, err := known.lookup(owner)
	switch {
	case group == "":
		return errors.New("-o is for the door: say -g too")
	case !plain.MatchString(group):
		return fmt.Errorf("-g %q has characters that a group's name cannot have", group)
	case known.self != 0:
		return errors.New("-g: only root can make the door: be root, or make it as vodmr-rcpt(8) says")
	case err != nil:
		return fmt.Errorf("-o: there is no account %q here", owner)
	case found.uid == 0:
		return errors.New("-g: the door belongs to the owner of the Maildirs, which is not root: say -o OWNER")
	}
	s.DoorGroup, s.doorOwner = group, &ids{uid: found.uid}
	return nil
}

// makeGroup makes the door's group, unless it is there.
func (s *service) makeGroup() error {
	if s.doorOwner == nil {
		return nil
	}
	gid, err := groupID(s.DoorGroup)
	if err != nil {
		err = addGroup(s.DoorGroup)
	}
	if err == nil {
		gid, err = groupID(s.DoorGroup)
	}
	s.doorOwner.gid = gid
	return err
}

func groupID(name string) (int, error) {
	group, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(group.Gid)
}

// addGroup makes a group with the system's own program.
func addGroup(name string) error {
	for _, command := range []string{"groupadd --system", "pw groupadd", "groupadd"} {
		words := append(strings.Fields(command), name)
		path, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		out, err := exec.Command(path, words[1:]...).CombinedOutput()
		if err == nil {
			return nil
		}
		if len(words) == 2 || words[0] == "pw" {
			return fmt.Errorf("-g: the group %s cannot be made: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
	}
	return fmt.Errorf("-g: the group %s is not there, and no program that makes groups: make it", name)
}
