package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A box is a Maildir.
type box struct {
	path     string
	random   *rand.Rand
	deletes  bool
	messages []string // names in tmp/ that will be delivered, in order
}

func open(path string, random *rand.Rand, deletes bool) (*box, error) {
	b := &box{path: path, random: random, deletes: deletes}
	var err error
	b.messages, err = b.names("tmp")
	return b, err
}

// names returns the files of a folder, sorted.
func (b *box) names(sub string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(b.path, sub))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	slices.Sort(list)
	return list, nil
}

// deliver delivers the next message as qmail-local does.
func (b *box) deliver() error {
	name := b.messages[0]
	b.messages = b.messages[1:]
	tmp := filepath.Join(b.path, "tmp", name)
	if err := os.Link(tmp, filepath.Join(b.path, "new", name)); err != nil {
		return err
	}
	return os.Remove(tmp)
}

// meddle does one thing that a mail reader does. It is no error if somebody else has
// taken the file away in the meantime.
func (b *box) meddle() error {
	actions := []func() error{b.read, b.read, b.read, b.flag, b.flag, b.flag, b.flag, b.count}
	if b.deletes {
		actions = append(actions, b.delete)
	}
	err := actions[b.random.IntN(len(actions))]()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// pick returns a random file of a folder, or "" if the folder is empty.
func (b *box) pick(sub string) (string, error) {
	list, err := b.names(sub)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[b.random.IntN(len(list))], nil
}

// read moves a message from new/ to cur/.
func (b *box) read() error {
	name, err := b.pick("new")
	if err != nil || name == "" {
		return err
	}
	return b.rename("new", name)
}

// flag gives a message in cur/ other flags.
func (b *box) flag() error {
	name, err := b.pick("cur")
	if err != nil || name == "" {
		return err
	}
	return b.rename("cur", name)
}

// rename renames a message to a name in cur/ with flags. T, which marks it as
// deleted, is rare and soon removed.
func (b *box) rename(sub, name string) error {
	base, _, _ := strings.Cut(name, ":2,")
	flags := []string{"", "S", "RS", "FS", "PRS", "S", "F", "ST"}
	at := filepath.Join(b.path, "cur", base+":2,"+flags[b.random.IntN(len(flags))])
	return os.Rename(filepath.Join(b.path, sub, name), at)
}

// delete deletes a message for good.
func (b *box) delete() error {
	sub := []string{"new", "cur"}[b.random.IntN(2)]
	name, err := b.pick(sub)
	if err != nil || name == "" {
		return err
	}
	if err := os.Remove(filepath.Join(b.path, sub, name)); err != nil {
		return err
	}
	base, _, _ := strings.Cut(name, ":2,")
	fmt.Println("deleted", base)
	return nil
}

// quota is the first line of maildirsize.
const quota = "1000000000S,1000000C"

// count counts maildirsize anew, as vpopmail does: into another file, which then
// replaces it.
func (b *box) count() error {
	size, files := int64(0), 0
	for _, sub := range []string{"new", "cur"} {
		list, err := b.names(sub)
		if err != nil {
			return err
		}
		for _, name := range list {
			if st, err := os.Stat(filepath.Join(b.path, sub, name)); err == nil {
				size += st.Size()
				files++
			}
		}
	}
	tmp := filepath.Join(b.path, "maildirsize.mailreaders")
	if err := os.WriteFile(tmp, fmt.Appendf(nil, "%s\n%d %d\n", quota, size, files), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(b.path, "maildirsize"))
}
