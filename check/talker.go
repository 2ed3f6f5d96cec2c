package check

import (
	"cmp"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
)

const (
	vodmrNeedsRoot kind = "wrong | takes root's rights away before vodmr needs them | take tcpserver's -u and -g and vodmr-tls's -U away: vodmr -U does it"
	ownersTalker   kind = "doubtful | runs vodmr as the user that the checkpassword program has, and so the process that strangers speak to | take tcpserver's -u and -g or vodmr-tls's -U away, and give vodmr -U with that account"
	sharedAccount  kind = "doubtful | has one account for the process with the key and the one that strangers speak to | make an account of its own, such as vodmrtls, and give it to vodmr-tls -u"
	notConfined    kind = "doubtful | does not hold the process that strangers speak to | use a kernel with Landlock (Linux 5.13) and programs that are built with CGO_ENABLED=0; until then see that its account owns nothing"
)

// checkAccounts looks at the accounts that the script gives the processes before the login.
func checkAccounts(c *service, r *report, run string) {
	if !c.vodmr.found || r.said(tlsNeedsRoot) {
		return
	}
	started := c.startedAs()
	if notRoot := started.known && started.uid != 0; notRoot && (c.vodmr.runsAs.known || c.vodmr.account != "") {
		r.say(run, vodmrNeedsRoot, "")
	} else if notRoot {
		r.say(run, ownersTalker, started.String())
	}
	if talker := cmp.Or(c.vodmr.account, "vodmr"); c.tls.found && c.tls.account == talker {
		r.say(run, sharedAccount, talker)
	}
}

// checkConfined tells if vodmr's talker is kept from all files and connections. On other
// systems than Linux its account and the empty root folder are all that there is.
func checkConfined(s *site, r *report) {
	if !s.service.vodmr.found || runtime.GOOS != "linux" {
		return
	}
	const subject = "confined"
	has := s.landlock()
	if !has.Files {
		r.say(subject, notConfined, "no, this kernel has no Landlock")
		return
	}
	if name := s.linkedWithC(); name != "" {
		r.say(subject, notConfined, "no, "+name+" was built with cgo")
		return
	}
	text := "yes, the process that strangers speak to can open no file"
	if has.Ports {
		r.ok(subject, text+" and no connection")
	} else {
		r.ok(subject, text+"; connections need Linux 6.7")
	}
}

// linkedWithC returns the name of the vodmr that has the C library, if it has. Such a
// program cannot have all its threads give up rights at once.
func (s *site) linkedWithC() string {
	for _, name := range s.service.runs {
		if filepath.Base(name) != "vodmr" {
			continue
		}
		path, err := s.lookPath(name)
		if err != nil {
			return "" // said elsewhere
		}
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
			return "" // a FIFO would be waited for
		}
		info, err := buildinfo.ReadFile(path)
		if err == nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"}) {
			return name
		}
	}
	return ""
}
