package check

import (
	"cmp"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vodmr/internal/child"
)

const weakProgram kind = "wrong | cannot read the passwords with the rights that it has | run it as the user that owns the file, or as root: see vodmr's -U"

// checkPrograms looks at each program of the chain.
func checkPrograms(s *site, r *report) {
	user := s.service.runsAs()
	for _, name := range s.service.runs {
		as := user
		if filepath.Base(name) == "vodmr-tls" {
			as = ids{known: true}
		}
		if filepath.Base(name) == "vodmr" {
			as = s.service.startedAs()
		}
		checkProgram(s, r, name, as)
	}
	if len(s.service.prog) > 0 && checkProgram(s, r, s.service.prog[0], user) {
		checkRights(s, r)
	}
}

// lookPath finds a program in the service's PATH.
func (s *site) lookPath(name string) (string, error) {
	path, err := child.LookPath(name, cmp.Or(s.service.env["PATH"], os.Getenv("PATH")))
	return s.service.path(path), err
}

// checkProgram looks for a program as the chain does.
func checkProgram(s *site, r *report, name string, as ids) bool {
	path, err := s.lookPath(name)
	if r.failed(err, name, noProgram) {
		return false
	}
	return r.canRun(name, path, as)
}

// checkRights looks if the checkpassword program can read the passwords: vchkpw as root or
// as the domain's user, vodmr-checkpw its file.
func checkRights(s *site, r *report) {
	name := s.service.prog[0]
	user := s.service.runsAs()
	st, err := stat(s.service.path(name))
	if err == nil && st.mode&fs.ModeSetuid != 0 {
		user = ids{true, st.uid, user.gid}
	}
	if !user.known {
		return
	}
	files := s.passwordFiles()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if !canCheck(r, name, user, path, files[path]) {
			return
		}
	}
	r.ok(name, "runs as "+user.String())
}

// canCheck looks at one file of passwords. If vchkpw is not root, it checks only those of
// its own user's domains.
func canCheck(r *report, name string, user ids, path string, domain ids) bool {
	err := may(user, path, mayRead)
	switch {
	case isBlocked(err):
		r.say(name, weakProgram, err.Error())
	case err != nil && !missing(err):
		r.unreadable(path, err)
	case domain.known && user.uid != 0 && user.uid != domain.uid:
		r.say(name, weakProgram, user.String()+" is neither root nor "+domain.String()+", the domain's")
	default:
		return true
	}
	return false
}
