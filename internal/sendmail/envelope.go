package sendmail

import (
	"slices"
	"strings"

	"vodmr/internal/address"
)

const (
	// maxAddress is the longest address that qmail-queue takes, in bytes.
	maxAddress = 1002
	// maxEnvelope bounds what is kept of an envelope, in bytes. A command line of Linux
	// takes 2 MiB, with the environment.
	maxEnvelope = 1 << 20
	// nullSender is how all sendmails know the null sender. Not all of them take an empty
	// word for it.
	nullSender = "<>"
)

// An envelope is a message's sender and recipients, raw.
type envelope struct {
	sender     string
	recipients []string
}

// parseEnvelope reads `Fsender NUL Trecipient NUL ... NUL`. If it ends early, nobody can tell
// that it is whole, so it fails with the code of an envelope that cannot be read.
func parseEnvelope(text string) (e envelope, err error) {
	for letter := byte('F'); ; letter = 'T' {
		entry, rest, whole := strings.Cut(text, "\x00")
		if !whole {
			return e, &Failure{Code: CodeRead, Text: "the envelope ends early: its writer may have died"}
		}
		if entry == "" && letter == 'T' {
			return e, e.check()
		}
		if entry == "" || entry[0] != letter {
			return e, &Failure{Code: CodeEnvelope, Text: "the envelope has no " + string(letter) + " before an address"}
		}
		if len(entry)-1 > maxAddress {
			return e, &Failure{Code: CodeLongAddress, Text: "an address is longer than 1002 bytes"}
		}
		if letter == 'F' {
			e.sender = entry[1:]
		} else {
			e.recipients = append(e.recipients, entry[1:])
		}
		text = rest
	}
}

// check refuses an envelope that no sendmail can take.
func (e envelope) check() error {
	if len(e.recipients) == 0 {
		return &Failure{Code: CodeEnvelope, Text: "the envelope has no recipient"}
	}
	if slices.Contains(e.recipients, "") {
		return &Failure{Code: CodeEnvelope, Text: "the envelope has an empty recipient"}
	}
	return nil
}

// arguments is sendmail's command line. A sendmail takes addresses as a message's header
// has them, so local parts are quoted if they must be. "--" keeps an address that
// begins with a hyphen from being an option.
func (e envelope) arguments(program string) ([]string, error) {
	sender, err := quote(e.sender)
	if err != nil {
		return nil, err
	}
	if sender == "" || e.sender == "#@[]" { // a double bounce comes from nobody either
		sender = nullSender
	}
	argv := []string{program, "-i", "-f", sender, "--"}
	for _, raw := range e.recipients {
		recipient, err := quote(raw)
		if err != nil {
			return nil, err
		}
		argv = append(argv, recipient)
	}
	return argv, nil
}

// quote writes an address for a command line. A line's end in it could become a command
// of SMTP in a sendmail that copies it there, and a comma in the domain would make two
// addresses of one.
func quote(raw string) (string, error) {
	if strings.HasSuffix(raw, "-@[]") {
		return "", &Failure{Code: CodeRefused, Text: "a sender that names each recipient (-@[]) needs qmail's own qmail-queue"}
	}
	_, domain, _ := address.Cut(raw)
	quoted, err := address.Quote(raw)
	if err != nil || strings.ContainsFunc(domain, endsDomain) {
		return "", &Failure{Code: CodeRefused, Text: "an address has a control character, or a domain that is none"}
	}
	return quoted, nil
}

// endsDomain reports if a character means something else than a part of a domain, or of an
// address in brackets, to a program that reads addresses.
func endsDomain(r rune) bool {
	return r < 0x80 && (r == '@' || !address.IsUnquoted(byte(r))) && !strings.ContainsRune(".:[]", r)
}
