package check

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"strings"

	"vodmr/relay/door"
)

const (
	noDoor        kind = "wrong | is no folder, so unknown recipients are not refused | make the folder as vodmr-rcpt(8) says, or take VODMR_DOOR away"
	openDoor      kind = "wrong | can be written by others than its owner, who could have mail refused | chmod 2750 the folder, and give it to the owner of the Maildirs"
	shutDoor      kind = "doubtful | lets no group in, so the SMTP server cannot ask | chgrp the folder to the group of those who may ask, and chmod 2750"
	deafDoor      kind = "wrong | gives no answer about an address that cannot exist, so any recipient is accepted | see if the socket named here belongs to the owner of the Maildirs, and look in the log for errors of the session"
	refusesMaster kind = "doubtful | is refused by the customer's server | every domain with mail must have a postmaster (RFC 5321 section 4.5.1): let the customer make one"
)

// checkDoor looks at the folder where recipients are asked about.
func checkDoor(s *site, r *report) {
	path := s.service.env["VODMR_DOOR"]
	if path == "" {
		return
	}
	st, err := stat(path)
	perm := st.mode.Perm()
	switch {
	case err != nil || !st.mode.IsDir():
		r.say(path, noDoor, "")
	case perm&0o022 != 0:
		r.say(path, openDoor, fmt.Sprintf("%04o", perm))
	case perm&0o050 != 0o050 || st.mode&fs.ModeSetgid == 0 || st.gid == 0: // new files must get the group
		r.say(path, shutDoor, fmt.Sprintf("%04o", perm))
	}
}

// checkAsked asks about an address that cannot exist, as the front's SMTP server would. Yes
// is as good an answer as no: a customer may take any recipient, or have no standing session.
func checkAsked(rt *route, r *report) {
	path := rt.site.service.env["VODMR_DOOR"]
	if path == "" || !isDir(path) {
		return // checkDoor says so
	}
	local := probeLocal + "-" + strings.ToLower(rand.Text())
	opinion := door.NewClient(path).Ask(local + "@" + rt.name)
	r.failed(opinion.Err, path+"/"+rt.name, deafDoor)
}

// checkPostmasterAsked asks about the domain's postmaster, as the front's SMTP server would.
func checkPostmasterAsked(rt *route, r *report) {
	path := rt.site.service.env["VODMR_DOOR"]
	if path == "" {
		return
	}
	address := "postmaster@" + rt.name
	opinion := door.NewClient(path).Ask(address)
	r.sayIf(opinion.Refuse, address, refusesMaster, opinion.Words)
}
