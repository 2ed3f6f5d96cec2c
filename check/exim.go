package check

import (
	"errors"
	"strings"
)

const eximLines kind = "wrong | has a transport in Exim that leaves out lines that vodmr-relay needs | set return_path_add, envelope_to_add, delivery_date_add and maildir_format, and batch_max = 1, in it"

// exim asks Exim about itself, by its name on Debian, or by its own.
func (s *site) exim(args ...string) (toolRun, error) {
	run, err := s.tool("exim4", args...)
	if errors.Is(err, errNoTool) {
		run, err = s.tool("exim", args...)
	}
	return run, err
}

// askExim looks at a domain's way through Exim: -bt says which router takes an address, and
// by which transport it is delivered.
func askExim(rt *route, r *report) {
	way, err := rt.site.eximRoute(probeLocal + "@" + rt.name)
	if errors.Is(err, errNoTool) {
		r.say("Exim", noMTATool, "exim")
		return
	}
	some := false
	if err == nil && way.refused {
		way, err = rt.site.eximRoute("postmaster@" + rt.name)
		some = true
	}
	if err != nil {
		r.say("Exim", brokenTable, err.Error())
	} else if way.refused {
		r.say(rt.name, noCatchall, "")
	} else if way.transport == "" {
		r.say(rt.name, notAccepted, "Exim looks for another host")
	} else {
		judgeTransport(rt, r, way.transport, some)
	}
}

// An eximRoute is what -bt says about an address.
type eximRoute struct {
	transport string // "" if Exim would look for another host, and found none
	refused   bool   // no router takes the address
}

func (s *site) eximRoute(addr string) (way eximRoute, err error) {
	run, err := s.exim("-bt", addr)
	if err != nil {
		return way, err
	}
	for _, part := range strings.Split(strings.ReplaceAll(run.out, "\n", ","), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), " = ")
		if key == "transport" && value != "<none>" {
			return eximRoute{transport: value}, nil
		}
	}
	way.refused = strings.Contains(run.out, "undeliverable")
	if !way.refused && !strings.Contains(run.out, "cannot be resolved") {
		err = errors.New(run.reason())
	}
	return way, err
}

// judgeTransport looks at the options of the transport.
func judgeTransport(rt *route, r *report, name string, some bool) {
	run, err := rt.site.exim("-bP", "transport", name)
	values := eximOptions(run.out)
	if err == nil && run.code == 0 && values["driver"] == "smtp" {
		r.say(rt.name, notAccepted, "Exim sends it on by the transport "+name)
		return
	}
	if _, box := values["maildir_format"]; err != nil || run.code != 0 || !box && values["driver"] != "appendfile" {
		r.ok(rt.name, "its mail goes to the transport "+name+" of Exim, which cannot be asked")
		return
	}
	if folder, plain := eximFolder(values, rt); plain && !samePlace(folder, rt.m.maildir()) {
		r.say(rt.name, mtaAway, folder)
		return
	}
	before := r.faults()
	lacking := lackingLines(values)
	r.sayIf(lacking != "", "Exim transport "+name, eximLines, lacking)
	if user, _, err := rt.site.user(values["user"]); err == nil && user.uid != rt.m.user.uid {
		r.say(rt.name, otherUser, user.String()+", not "+rt.m.user.String())
	}
	r.sayIf(some, rt.name, onlySome, "postmaster@"+rt.name+" leads here")
	r.okIf(r.faults() == before, rt.name, "Exim takes its mail and delivers it by the transport "+name)
}

// eximOptions reads what -bP prints: a line an option, with a value or, for a switch, alone.
func eximOptions(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		values[strings.TrimSuffix(name, " =")] = value
	}
	return values
}

// eximFolder is the Maildir of a transport. plain is false if only Exim could say which one it
// is.
func eximFolder(values map[string]string, rt *route) (folder string, plain bool) {
	folder = strings.NewReplacer("${domain}", rt.name, "$domain", rt.name).Replace(values["directory"])
	return folder, folder != "" && !strings.Contains(folder, "$")
}

// lackingLines names what is missing for the envelope: the three lines that qmail's form, in
// message_prefix, can stand in for.
func lackingLines(values map[string]string) string {
	var lacking []string
	for _, name := range []string{"return_path_add", "envelope_to_add", "delivery_date_add", "maildir_format"} {
		if _, on := values[name]; !on {
			lacking = append(lacking, name)
		}
	}
	if batch := values["batch_max"]; number(batch, 1) > 1 {
		lacking = append(lacking, "batch_max = 1")
	}
	return strings.Join(lacking, ", ")
}
