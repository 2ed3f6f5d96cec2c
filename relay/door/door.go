// Package door owns the question whether a customer has a recipient: how a program at the
// front's SMTP server asks it, and how a standing session is asked. It knows neither SMTP
// nor the mail that waits.
//
// The door is a folder that belongs to the owner of the Maildirs, with a group for the
// programs that may ask. A standing session has a socket there for each of its domains,
// with the domain as its name. Answers that earlier sessions have learnt lie beside it, see
// history.Recipients.
//
// A question is one line, an address as it is without quotes, and \n. The answer is one
// line too:
//
//	yes words       the customer's server accepts it, or would not say
//	no words        it does not know this recipient
//	unknown words   it was not asked
package door

import (
	"strings"

	"vodmr/internal/address"
)

const (
	// maxQuestion bounds a question, in bytes: RFC 5321 section 4.5.3.1 allows 64 for the
	// local part and 255 for the domain.
	maxQuestion = 400
	// MaxWords is the most of the customer's words that are passed on, in bytes.
	MaxWords = 200
)

// A Verdict is the kind of an answer.
type Verdict string

const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "unknown" // which counts as yes
)

// An Answer is what is known of one recipient.
type Answer struct {
	Verdict Verdict
	Words   string // the customer's, or why it was not asked; printable ASCII
}

// Words makes a text fit for a reply of ours: printable ASCII, one line, at most MaxWords
// bytes.
func Words(text string) string {
	words := make([]byte, 0, min(len(text), MaxWords))
	for i := 0; i < len(text) && len(words) < MaxWords; i++ {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		if c == ' ' && (len(words) == 0 || words[len(words)-1] == ' ') {
			continue
		}
		words = append(words, c)
	}
	return strings.TrimRight(string(words), " ")
}

// Normal is an address with its domain in lower case, and that domain. ok is false if
// nobody can be asked about it: it has no domain, or no question can be made of it.
func Normal(raw string) (normal, domain string, ok bool) {
	local, domain := address.Split(raw)
	domain = address.Lower(domain)
	normal = local + "@" + domain
	if local == "" || !isName(domain) || len(normal) > maxQuestion || address.HasControl(normal) {
		return "", "", false
	}
	return normal, domain, true
}

// isName reports if a domain can be a file's name in the door's folder.
func isName(domain string) bool { return address.IsHost(domain) && domain[0] != '.' }
