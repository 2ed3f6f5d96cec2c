package check

import (
	"errors"
	"strings"

	"vodmr/internal/address"
)

const eximLines kind = "wrong | has a transport in Exim that leaves out lines that vodmr-relay needs | set return_path_add, envelope_to_add, delivery_date_add and maildir_format, and batch_max = 1, in it"

// An exim asks Exim about itself.
type exim struct {
	run func(name string, args ...string) (toolRun, error)
}

// ask runs Exim by its name on Debian, or by its own.
func (e exim) ask(args ...string) (toolRun, error) {
	run, err := e.run("exim4", args...)
	if errors.Is(err, errNoTool) {
		run, err = e.run("exim", args...)
	}
	return run, err
}

// askExim looks at a domain's way through Exim: -bt says which router takes an address, and
// by which transport it is delivered.
func askExim(rt *route, r *report) {
	e := exim{rt.site.tool}
	transport, known, err := e.transport(probeLocal + "@" + rt.name)
	if errors.Is(err, errNoTool) {
		r.say("Exim", noMTATool, "exim")
		return
	}
	some := false
	if transport == "" && err == nil {
		transport, known, err = e.transport("postmaster@" + rt.name)
		some = transport != ""
	}
	if err != nil {
		r.say("Exim", brokenTable, err.Error())
	} else if transport == "" && !known {
		r.say(rt.name, notAccepted, "")
	} else if transport == "" {
		r.say(rt.name, noCatchall, "")
	} else {
		judgeTransport(e, rt, r, transport, some)
	}
}

// transport is the one by which an address is delivered, "" if it is not. known is false if no
// router takes the address.
func (e exim) transport(addr string) (name string, known bool, err error) {
	run, err := e.ask("-bt", addr)
	if err != nil {
		return "", false, err
	}
	for _, part := range strings.Split(strings.ReplaceAll(run.out, "\n", ","), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), " = ")
		if key == "transport" && value != "<none>" {
			return value, true, nil
		}
	}
	if !strings.Contains(run.out, "undeliverable") && !strings.Contains(run.out, "cannot be resolved") {
		return "", false, errors.New(run.reason())
	}
	return "", !strings.Contains(run.out, "Unrouteable address") && !strings.Contains(run.out, "all relevant MX"), nil
}

// judgeTransport looks at the transport's options.
func judgeTransport(e exim, rt *route, r *report, name string, some bool) {
	run, err := e.ask("-bP", "transport", name)
	if err != nil || run.code != 0 {
		r.ok(rt.name, "its mail goes to the transport "+name+" of Exim, which cannot be asked")
		return
	}
	options := eximOptions(run.out)
	if options["driver"] == "smtp" {
		r.say(rt.name, notAccepted, "Exim sends it on by the transport "+name)
		return
	}
	if _, box := options["maildir_format"]; !box && options["driver"] != "appendfile" {
		r.ok(rt.name, "its mail goes to the transport "+name+" of Exim, which cannot be asked")
		return
	}
	if folder, plain := eximFolder(options, rt); plain && !samePlace(folder, rt.m.maildir()) {
		r.say(rt.name, mtaAway, folder)
		return
	}
	before := r.faults()
	if lacking := lackingLines(options); lacking != "" {
		r.say("Exim transport "+name, eximLines, lacking)
	}
	if some {
		r.say(rt.name, onlySome, "postmaster@"+rt.name+" leads here")
	}
	if r.faults() == before {
		r.ok(rt.name, "Exim takes its mail and delivers it by the transport "+name)
	}
}

// eximOptions reads what -bP prints: a line an option, with a value or, for a switch, alone.
func eximOptions(text string) map[string]string {
	options := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		options[strings.TrimSuffix(name, " =")] = value
	}
	return options
}

// eximFolder is the Maildir of a transport. plain is false if only Exim could say which one it
// is.
func eximFolder(options map[string]string, rt *route) (folder string, plain bool) {
	folder = strings.NewReplacer("${domain}", rt.name, "$domain", rt.name).Replace(options["directory"])
	return folder, folder != "" && !strings.Contains(folder, "$")
}

// lackingLines names what is missing for the envelope: the three lines that qmail's form, in
// message_prefix, can stand in for.
func lackingLines(options map[string]string) string {
	var lacking []string
	for _, name := range []string{"return_path_add", "envelope_to_add", "delivery_date_add", "maildir_format"} {
		if _, on := options[name]; !on {
			lacking = append(lacking, name)
		}
	}
	if batch := options["batch_max"]; number(batch, 1) > 1 {
		lacking = append(lacking, "batch_max = 1")
	}
	return address.Lower(strings.Join(lacking, ", "))
}
