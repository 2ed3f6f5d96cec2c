package main

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// The texts of the files in a service directory.
//
//go:embed files
var texts embed.FS

const (
	// If svscan runs a service it must see the sticky bit, or it may not start the log
	// beside it. Files that are made in a directory get its group.
	serviceMode = os.ModeSticky | os.ModeSetgid | 0o755
	folderMode  = os.ModeSetgid | 0o755
	programMode = 0o755
	textMode    = 0o644
	secretMode  = 0o600
	doorMode    = os.ModeSetgid | 0o750
)

// A part is one folder or file of a service directory.
type part struct {
	name  string
	mode  os.FileMode
	text  string // the name of a text; empty for a folder
	owner *ids   // nil for ours
}

// parts are all, each folder before its files.
func (s *service) parts() []part {
	list := []part{
		{"run", programMode, "run", nil},
		{"tcp", textMode, "tcp", nil},
		{"rules", textMode, "rules", nil},
		{"Makefile", textMode, "Makefile", nil},
		{"env", folderMode, "", nil},
		{"env/CONCURRENCY", textMode, "CONCURRENCY", nil},
		{"env/GOMAXPROCS", textMode, "GOMAXPROCS", nil},
		{"log", folderMode, "", nil},
		{"log/run", programMode, "log-run", nil},
		{"log/main", folderMode, "", s.logOwner},
		{"expire", serviceMode, "", nil},
		{"expire/run", programMode, "expire-run", nil},
		{"expire/log", folderMode, "", nil},
		{"expire/log/run", programMode, "log-run", nil},
		{"expire/log/main", folderMode, "", s.logOwner},
	}
	if s.doorOwner != nil {
		list = append(list, part{"env/VODMR_DOOR", textMode, "VODMR_DOOR", nil}, part{"door", doorMode, "", s.doorOwner})
	}
	if s.MTA != "" {
		list = append(list, part{"env/VODMR_MTA", textMode, "VODMR_MTA", nil})
	}
	if name := s.passwords(); name != "" {
		list = append(list, part{name, secretMode, "vpasswd", s.owner})
	}
	return list
}

// errThere says that the service directory exists.
var errThere = errors.New("is there already, and stays as it is: choose another")

// create makes the directory with all its parts, or leaves nothing. Until it is whole
// nobody else can look into it.
func (s *service) create() error {
	if err := s.makeGroup(); err != nil {
		return err
	}
	if err := os.Mkdir(s.Dir, 0o700); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s %w", s.Dir, errThere)
	} else if err != nil {
		return err
	}
	if err := s.fill(); err != nil {
		// It is new, so all that is in it is ours.
		return errors.Join(err, os.RemoveAll(s.Dir))
	}
	return nil
}

func (s *service) fill() error {
	all, err := template.ParseFS(texts, "files/*")
	if err != nil {
		return err
	}
	for _, p := range s.parts() {
		if err := s.make(p, all); err != nil {
			return err
		}
	}
	return s.chmod(s.Dir, serviceMode)
}

// chmod leaves out the setgid bit if we are not root: BSD gives a new folder the group of
// the one around it, which need not be ours.
func (s *service) chmod(path string, mode os.FileMode) error {
	if os.Geteuid() != 0 {
		mode &^= os.ModeSetgid
	}
	return os.Chmod(path, mode)
}

// make makes one part. Its mode is set by itself, whatever the umask is, and last,
// since a new owner takes the setgid bit away.
func (s *service) make(p part, all *template.Template) error {
	path := filepath.Join(s.Dir, p.name)
	if err := s.write(path, p, all); err != nil {
		return err
	}
	if p.owner != nil {
		if err := os.Chown(path, p.owner.uid, p.owner.gid); err != nil {
			return err
		}
	}
	return s.chmod(path, p.mode)
}

func (s *service) write(path string, p part, all *template.Template) error {
	if p.text == "" {
		return os.Mkdir(path, 0o700)
	}
	var text strings.Builder
	if err := all.ExecuteTemplate(&text, p.text, s); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	// The name may be the user's, and one that is there already.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.String())
	return errors.Join(err, file.Close())
}
