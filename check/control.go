package check

import (
	"net/netip"
	"strings"

	"vodmr/relay/grant"
)

const (
	noQmail      kind = "doubtful | no qmail is here | name qmail's home with -q, or set QMAILQUEUE in env; without both, what should bounce stays"
	noName       kind = "wrong | says no host name | write this host's full name into it"
	badName      kind = "wrong | is no host name | write a host name, such as mail.example.net"
	shortName    kind = "doubtful | is a name without a domain | write the full name, such as mail.example.net: other servers refuse the short one"
	badLocalpart kind = "wrong | is no local part of an address | write what stands before the @ of the address, and no more"
	noNumber     kind = "doubtful | does not begin with a number | write a number, or remove the file; until then qmail's default holds"
	shortLife    kind = "doubtful | is less than a day | mail of a customer that is away for longer bounces; 604800, a week, is usual"
)

// checkHome looks for qmail's home. Without it the program that QMAILQUEUE names still
// takes bounces.
func checkHome(s *site, r *report) {
	if s.hasQmail() || !s.fills("qmail") {
		return
	}
	if s.service.env["QMAILQUEUE"] == "" {
		r.say(s.Qmail, noQmail, "")
	} else {
		r.ok(s.Qmail, "no qmail is here, and QMAILQUEUE is set")
	}
}

// checkControl looks at the control files that vodmr-relay reads.
func checkControl(s *site, r *report) {
	if !isDir(s.home.Path("control")) {
		return
	}
	before := r.faults()
	for _, name := range []string{"me", "helohost", "bouncehost", "doublebouncehost"} {
		checkHostFile(s, r, name)
	}
	for _, name := range []string{"bouncefrom", "doublebounceto"} {
		line, found := controlLine(s, r, name)
		r.sayIf(found && strings.ContainsAny(line, "@ \t<>"), "control/"+name, badLocalpart, line)
	}
	for _, name := range []string{"bouncemaxbytes", "queuelifetime", "timeoutremote"} {
		line, found := controlLine(s, r, name)
		r.sayIf(found && (line == "" || line[0] < '0' || line[0] > '9'), "control/"+name, noNumber, line)
	}
	settings, err := s.controls()
	life := settings.QueueLifetime
	r.sayIf(err == nil && life.Hours() < 24, "control/queuelifetime", shortLife, life.String())
	if r.faults() == before {
		r.ok(s.Qmail+"/control", "all files that vodmr-relay reads make sense")
	}
}

// controlLine reads a control file's first line, and reports one that cannot be read.
func controlLine(s *site, r *report, name string) (line string, found bool) {
	path := s.home.Path("control/" + name)
	if _, err := stat(path); missing(err) || !r.canRead("control/"+name, path, s.readers()...) {
		return "", false
	}
	line, found, err := s.line(name)
	if r.unreadable("control/"+name, err) {
		return "", false
	}
	return line, found
}

// checkHostFile looks at a control file that holds a host name. Only me has to have one.
func checkHostFile(s *site, r *report, name string) {
	subject := "control/" + name
	_, err := stat(s.home.Path(subject))
	line, found := controlLine(s, r, name)
	needed := name == "me" && (s.fills("qmail") || s.host == "") // others take the name that vodmr is given
	if needed && line == "" && (found || missing(err)) {
		r.say(subject, noName, "")
	} else if line != "" && !isHost(line) {
		r.say(subject, badName, line)
	} else if line != "" && line[0] != '[' && !strings.Contains(line, ".") {
		r.say(subject, shortName, line)
	}
}

// isHost reports if a name can stand in EHLO: a domain, or an address in
// brackets (RFC 5321 section 4.1.3).
func isHost(name string) bool {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		_, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:"))
		return err == nil && strings.HasSuffix(name, "]")
	}
	domains, err := grant.ParseDomains(name)
	return err == nil && len(domains) == 1
}
