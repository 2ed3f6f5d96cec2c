package smtp

import (
	"errors"
	"strconv"
	"strings"

	"vodmr/internal/address"
)

// Extensions is what a server offered in its reply to EHLO.
type Extensions struct {
	Pipelining   bool  // RFC 2920
	Chunking     bool  // RFC 3030
	EightBitMIME bool  // RFC 6152
	SMTPUTF8     bool  // RFC 6531
	SizeOffered  bool  // RFC 1870: SIZE= may be given
	Size         int64 // octets; 0 for no fixed limit

	// RFC 9422; 0 for no limit.
	MailMax, RcptMax, RcptDomainMax int

	// NoEnhanced says that enhanced status codes (RFC 2034) mean nothing in this
	// server's replies. Otherwise they are read in any reply that has one, offered or not.
	NoEnhanced bool
}

// ParseExtensions reads the lines of a reply to EHLO; the first is the server's
// name. A keyword with a value that makes no sense counts as not offered.
func ParseExtensions(lines []string) Extensions {
	var x Extensions
	for _, line := range lines[min(1, len(lines)):] {
		words := strings.Fields(line)
		if len(words) > 0 {
			x.add(address.Upper(words[0]), words[1:])
		}
	}
	return x
}

// flags are the extensions that have no value.
func (x *Extensions) flags() map[string]*bool {
	return map[string]*bool{
		"PIPELINING": &x.Pipelining, "CHUNKING": &x.Chunking, "8BITMIME": &x.EightBitMIME, "SMTPUTF8": &x.SMTPUTF8,
	}
}

func (x *Extensions) add(keyword string, params []string) {
	if flag := x.flags()[keyword]; flag != nil {
		*flag = true
	} else if keyword == "SIZE" {
		x.addSize(params)
	} else if keyword == "LIMITS" {
		for _, param := range params {
			x.addLimit(param)
		}
	}
}

func (x *Extensions) addSize(params []string) {
	if len(params) == 0 {
		x.SizeOffered = true
		return
	}
	n, err := strconv.ParseInt(params[0], 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0:
		n = 0 // up to 20 digits are allowed: more than any message has
	case err != nil || n < 0:
		return
	}
	x.SizeOffered, x.Size = true, n
}

func (x *Extensions) addLimit(param string) {
	name, value, _ := strings.Cut(param, "=")
	limit := map[string]*int{"MAILMAX": &x.MailMax, "RCPTMAX": &x.RcptMax, "RCPTDOMAINMAX": &x.RcptDomainMax}[address.Upper(name)]
	if n, err := strconv.Atoi(value); limit != nil && err == nil && n >= 1 {
		*limit = n
	}
}

// Ignore takes back one extension by its EHLO keyword, in either case, as if the
// server had not offered it. An unknown keyword changes nothing.
func (x *Extensions) Ignore(name string) {
	keyword := address.Upper(name)
	if flag := x.flags()[keyword]; flag != nil {
		*flag = false
	}
	switch keyword {
	case "SIZE":
		x.SizeOffered, x.Size = false, 0
	case "LIMITS":
		x.MailMax, x.RcptMax, x.RcptDomainMax = 0, 0, 0
	case "ENHANCEDSTATUSCODES":
		x.NoEnhanced = true
	}
}
