package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"vodmr/internal/getopt"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

// indexName is the index's file beside the file of accounts.
func indexName(file string) string { return file + ".cdb" }

// find returns the entries that decide about a login: from the index if there is one and
// it is not older than the file, otherwise from the whole file.
func find(file, login string) ([]vpasswd.Entry, error) {
	entries, found, err := findIndexed(file, login)
	if found || err != nil {
		return entries, err
	}
	text, _, err := read(file, trusted)
	if err != nil {
		return nil, err
	}
	entries, bad := vpasswd.Parse(text)
	for _, err := range bad {
		say(0, file+": "+err.Error()+": skipped")
	}
	return entries, nil
}

// findIndexed looks a login up in the index. found is false if there is no index of the
// file as it is now: nothing is lost then but time.
func findIndexed(file, login string) (entries []vpasswd.Entry, found bool, err error) {
	index, err := qmail.OpenTrustedCDB(indexName(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer index.Close()
	f, stamp, err := open(file, trusted)
	if err != nil {
		return nil, false, err
	}
	f.Close()
	return vpasswd.Lookup(func(key string) (string, bool, error) {
		value, found, err := index.Find([]byte(key))
		return string(value), found, err
	}, login, stamp)
}

// makeIndex makes the index of a file, with its owner and mode, and returns the exit code.
// A file with a line that is no account has none: its admin is told here, not at a login.
func makeIndex(file string) int {
	text, stamp, err := read(file, closed)
	if err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	index, bad := vpasswd.Index(text, stamp)
	for _, err := range bad {
		getopt.Fail(program, fmt.Errorf("%s: %w", file, err), exitRefused)
	}
	if len(bad) > 0 {
		return getopt.Fail(program, fmt.Errorf("%s stays as it was: mend these lines, or put # in front", indexName(file)), exitRefused)
	}
	err = replaceTimes(file, text, stamp) // first: it compares with the old index
	if err == nil {
		err = replace(indexName(file), file, 0, index)
	}
	if err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	return 0
}

// replace puts content in the place of the file name, whole or not at all, with the owner
// and mode of the file like, and more rights to read it.
func replace(name, like string, more os.FileMode, content []byte) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = f.Chown(int(st.Uid), int(st.Gid))
	}
	if err == nil {
		err = f.Chmod(info.Mode().Perm() | more)
	}
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
