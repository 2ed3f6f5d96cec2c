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
	err := apply(get, append(s.siteVariables(), []variable{
		{"VODMR_SOFTBOUNCE", flag(&s.SoftBounce, "0", "1")},
		{"VODMR_REQUIRETLS", flag(&s.RequireTLS, "0", "1")},
		{"VODMR_WINDOW", number(&s.Window, 1, math.MaxInt, 1)},
		{"VODMR_INTERVAL", number(&s.Interval, 0, 1<<30, time.Second)},
		{"VODMR_IDLE", number(&s.Idle, 0, idleMost, time.Second)},
		{"VODMR_NOOP", number(&s.Noop, 1, noopMost, time.Second)},
		{"VODMR_LOOK", number(&s.Look, 1, lookMost, time.Second)},
		{"VODMR_IGNORE", s.setIgnore},
		{"VODMR_ASK", number(&s.Ask, 0, askMost, 1)},
		{"VODMR_DOOR", s.setDoor},
	}...))
	s.Window = min(s.Window, smtp.MaxWindow)
	return err
}

// applySite reads the variables that programs without a session heed too.
func (s *Settings) applySite(get func(name string) string) error {
	return apply(get, s.siteVariables())
}

func (s *Settings) siteVariables() []variable {
	setAgent := func(_, value string) (err error) {
		s.Agent, err = maildir.AgentNamed(value)
		return err
	}
	return []variable{{"VODMR_MTA", setAgent}, {"VODMR_BOUNCE", flag(&s.TellCustomer, "sender", "customer")}}
}

// A variable is one of the settings; set takes a value that is not empty.
type variable struct {
	name string
	set  func(name, value string) error
}

// apply sets the variables that get knows, up to the first that makes no sense.
func apply(get func(name string) string, variables []variable) error {
	for _, v := range variables {
		if value := get(v.name); value != "" {
			if err := v.set(v.name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// setIgnore reads names of extensions, with commas or blanks between them. An unknown
// name is an error: it may be a misspelt one.
func (s *Settings) setIgnore(name, value string) error {
	known := []string{"PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "SIZE", "LIMITS", "ENHANCEDSTATUSCODES"}
	s.Ignore = strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t", r) })
	for _, word := range s.Ignore {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, word) }) {
			return fmt.Errorf("%s is %q: its words must be of %s", name, value, strings.Join(known, ", "))
		}
	}
	return nil
}

func (s *Settings) setDoor(name, value string) error {
	if value[0] != '/' {
		return fmt.Errorf("%s is %q: it must begin with /", name, value)
	}
	s.Door = strings.TrimRight(value, "/")
	return nil
}

// flag reads one of two words.
func flag(p *bool, off, on string) func(name, value string) error {
	return func(name, value string) error {
		if value != off && value != on {
			return fmt.Errorf("%s is %q: it must be %s or %s", name, value, off, on)
		}
		*p = value == on
		return nil
	}
}

// number reads a whole number of units.
func number[T ~int | ~int64](p *T, low, high int, unit T) func(name, value string) error {
	return func(name, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%s is %q: it must be a number from %d to %d", name, value, low, high)
		}
		*p = T(n) * unit
		return nil
	}
}
