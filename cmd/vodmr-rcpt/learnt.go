package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/logline"
	"vodmr/relay/door"
	"vodmr/relay/spool/history"
)

// list prints what is known of the recipients of a login or a domain, a line each: the day
// and time in UTC, yes or no, the address, and the words of the customer. The answer about
// an address that cannot exist stands before them.
func list(o *flags) int {
	files, err := os.ReadDir(o.door)
	if err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	found, code := false, 0
	for _, file := range files {
		domain, ok := history.DomainOfRecipients(file.Name())
		if !ok {
			continue
		}
		r := history.NewRecipients(o.door, domain, time.Now)
		if _, err := r.Load(); err != nil {
			code = getopt.Fail(program, err, exitTemporary)
			continue
		}
		if address.Lower(o.list) != r.Login() && address.Lower(o.list) != domain {
			continue
		}
		found = true
		_ = fdio.WriteAll(1, []byte(table(domain, r)))
	}
	if !found && code == 0 {
		return getopt.Fail(program, fmt.Errorf("nothing is known of the recipients of %s", o.list), exitUnknown)
	}
	return code
}

func table(domain string, r *history.Recipients) string {
	text := ""
	if all, known := r.TakesAll(); known && all {
		text = fmt.Sprintf("%20s all @%s: the server takes any recipient\n", "", domain)
	}
	all := r.All()
	slices.SortFunc(all, func(a, b history.Recipient) int {
		return cmp.Or(cmp.Compare(a.When, b.When), cmp.Compare(a.Address, b.Address))
	})
	for _, entry := range all {
		verdict := "yes"
		if entry.Refused {
			verdict = "no "
		}
		line := time.Unix(entry.When, 0).UTC().Format("2006-01-02T15:04:05Z") + " " + verdict + " " + entry.Address
		if entry.Reply != "" {
			line += ": " + entry.Reply
		}
		text += logline.Printable(line) + "\n"
	}
	return text
}

// forget has an address asked anew.
func forget(o *flags) int {
	normal, domain, ok := door.Normal(o.forget)
	if !ok {
		return getopt.Fail(program, fmt.Errorf("%q is no address: -x needs one such as ann@example.org", o.forget), exitMisuse)
	}
	if _, err := os.Stat(o.door); err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	r := history.NewRecipients(o.door, domain, time.Now)
	if _, err := r.Load(); err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	if err := r.Forget(normal); err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	return 0
}
