package check

import "path/filepath"

const (
	noUsersCDB kind = "wrong | is missing beside users/assign | run qmail-newu"
	usersStale kind = "wrong | is older than users/assign | run qmail-newu: what was changed since does not count yet"
)

// checkUsers looks at users/cdb.
func checkUsers(s *site, r *report) {
	cdb, assign := s.home.Path("users/cdb"), s.home.Path("users/assign")
	if !s.hasQmail() {
		return
	}
	if _, err := stat(cdb); missing(err) {
		_, err = stat(assign)
		r.sayIf(err == nil, "users/cdb", noUsersCDB, "")
		return
	}
	if !r.canRead("users/cdb", cdb, s.readers()...) {
		return
	}
	err := s.usersErr
	if err == nil {
		_, _, err = s.users.Holding("/nobody lives here")
	}
	if err != nil {
		r.unopened("users/cdb", err)
	} else if older(cdb, assign) {
		r.say("users/cdb", usersStale, "")
	} else {
		r.ok("users/cdb", "can be read, and is as new as its source "+filepath.Base(assign))
	}
}
