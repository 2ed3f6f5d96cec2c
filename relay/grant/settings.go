package grant

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodmr/maildir"
	"vodmr/smtp"
)

// Settings are the VODMR_ variables that concern this program, from envdir or
// tcpserver's -x, or from rules.cdb, which count more.
type Settings struct {
	SoftBounce bool          // VODMR_SOFTBOUNCE=1: a 5xx is taken for a 4xx
	Window     int           // VODMR_WINDOW: most transactions in flight
	Interval   time.Duration // VODMR_INTERVAL, in seconds: the least from the end of a session to the next ATRN
	RequireTLS bool          // VODMR_REQUIRETLS=1: no ATRN without TLS
	Idle       time.Duration // VODMR_IDLE, in seconds: how long a standing session lasts; 0 for none
	Noop       time.Duration // VODMR_NOOP, in seconds: how often a standing session says NOOP
	// Look is VODMR_LOOK, in seconds: how often a standing session looks for what it is not
	// told of. 0 if it is not set: see LookStandard.
	Look time.Duration
	// TellCustomer is VODMR_BOUNCE=customer: the customer's postmaster gets the notices,
	// in the session itself, and not the senders.
	TellCustomer bool
	Agent        maildir.Agent // VODMR_MTA: the mail server that fills the Maildir
	Ignore       []string      // VODMR_IGNORE: extensions that are never used, by their EHLO keyword
	Door         string        // VODMR_DOOR: the folder where recipients are asked about; "" for none
	Ask          int           // VODMR_ASK: refused questions that the customer's server puts up with; 0: it is not asked
}

const (
	// noopStandard is less than the five minutes that any server waits for a
	// command (RFC 5321 section 4.5.3.2.7), and than what carriers' NATs remember.
	noopStandard = time.Minute
	noopMost     = 3600       // seconds
	idleMost     = 31 * 86400 // seconds
	lookMost     = 3600       // seconds

	// LookStandard is how often a standing session looks if VODMR_LOOK is not set: at its
	// rule and its password, and on a network file system into the Maildir too.
	LookStandard = 15 * time.Second
	// askStandard is less than the refusals without mail after which servers become slow
	// (Postfix: 10) or hang up (Postfix: 20).
	askStandard = 8
	askMost     = 100000
)

// StandardSettings are the settings if no variable is set.
func StandardSettings() Settings {
	return Settings{Window: smtp.DefaultWindow, Noop: noopStandard, Ask: askStandard}
}

// ReadSettings reads the variables that get knows, as a session would.
func ReadSettings(get func(name string) string) (Settings, error) {
	s := StandardSettings()
	err := s.Apply(get)
	return s, err
}

// Standing reports if the login's sessions stay open when no mail waits.
func (s *Settings) Standing() bool { return s.Idle > 0 }

// Apply reads the variables that get knows. A value that makes no sense is an
// error: a guess at the meaning of VODMR_SOFTBOUNCE=yes could bounce mail.
func (s *Settings) Apply(get func(name string) string) error {
	err := s.applySite(get)
	if value := get("VODMR_SOFTBOUNCE"); value != "" && err == nil {
		s.SoftBounce, err = flag("VODMR_SOFTBOUNCE", value)
	}
	if value := get("VODMR_REQUIRETLS"); value != "" && err == nil {
		s.RequireTLS, err = flag("VODMR_REQUIRETLS", value)
	}
	if value := get("VODMR_WINDOW"); value != "" && err == nil {
		s.Window, err = number("VODMR_WINDOW", value, 1, math.MaxInt)
		s.Window = min(s.Window, smtp.MaxWindow)
	}
	if value := get("VODMR_INTERVAL"); value != "" && err == nil {
		s.Interval, err = seconds("VODMR_INTERVAL", value, 0, 1<<30)
	}
	if value := get("VODMR_IDLE"); value != "" && err == nil {
		s.Idle, err = seconds("VODMR_IDLE", value, 0, idleMost)
	}
	if value := get("VODMR_NOOP"); value != "" && err == nil {
		s.Noop, err = seconds("VODMR_NOOP", value, 1, noopMost)
	}
	if value := get("VODMR_LOOK"); value != "" && err == nil {
		s.Look, err = seconds("VODMR_LOOK", value, 1, lookMost)
	}
	if value := get("VODMR_IGNORE"); value != "" && err == nil {
		s.Ignore, err = extensions("VODMR_IGNORE", value)
	}
	if value := get("VODMR_ASK"); value != "" && err == nil {
		s.Ask, err = number("VODMR_ASK", value, 0, askMost)
	}
	if value := get("VODMR_DOOR"); value != "" && err == nil {
		s.Door, err = folder("VODMR_DOOR", value)
	}
	return err
}

// applySite reads the variables that programs without a session heed too.
func (s *Settings) applySite(get func(name string) string) (err error) {
	if value := get("VODMR_MTA"); value != "" {
		s.Agent, err = maildir.AgentNamed(value)
	}
	if value := get("VODMR_BOUNCE"); value != "" && err == nil {
		s.TellCustomer, err = recipientOfNotices(value)
	}
	return err
}

// recipientOfNotices reads VODMR_BOUNCE.
func recipientOfNotices(value string) (customer bool, err error) {
	if value != "customer" && value != "sender" {
		return false, fmt.Errorf("VODMR_BOUNCE is %q: it must be sender or customer", value)
	}
	return value == "customer", nil
}

// extensions reads names of extensions, with commas or blanks between them. An unknown
// name is an error: it may be a misspelt one.
func extensions(name, value string) ([]string, error) {
	known := []string{"PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "SIZE", "LIMITS", "ENHANCEDSTATUSCODES"}
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t", r) })
	for _, word := range words {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, word) }) {
			return nil, fmt.Errorf("%s is %q: its words must be of %s", name, value, strings.Join(known, ", "))
		}
	}
	return words, nil
}

func seconds(name, value string, low, high int) (time.Duration, error) {
	n, err := number(name, value, low, high)
	return time.Duration(n) * time.Second, err
}

func folder(name, value string) (string, error) {
	if value[0] != '/' {
		return "", fmt.Errorf("%s is %q: it must begin with /", name, value)
	}
	return strings.TrimRight(value, "/"), nil
}

func flag(name, value string) (bool, error) {
	if value != "0" && value != "1" {
		return false, fmt.Errorf("%s is %q: it must be 0 or 1", name, value)
	}
	return value == "1", nil
}

func number(name, value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s is %q: it must be a number from %d to %d", name, value, low, high)
	}
	return n, nil
}
