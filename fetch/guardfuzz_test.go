package fetch

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vodmr/internal/address"
)

// A laxServer is the most dangerous server that may stand behind atrn: a line ends at CR, LF
// or both, a line with a dot ends content, and without a recipient it takes the octets of a
// chunk for commands. It answers by the bytes of verdicts: an odd one refuses.
type laxServer struct {
	guard      *guard
	verdicts   []byte
	commands   []string
	line       []byte
	afterCR    bool
	inData     bool
	octets     int64
	recipients int
}

func (s *laxServer) Write(p []byte) (int, error) {
	for _, c := range p {
		skip := c == '\n' && s.afterCR
		s.afterCR = c == '\r' && s.octets == 0
		if skip {
			continue
		}
		if s.octets > 0 {
			if s.octets--; s.octets == 0 {
				s.say("250")
			}
			continue
		}
		if c != '\r' && c != '\n' {
			s.line = append(s.line, c)
			continue
		}
		s.obey(string(s.line))
		s.line = nil
	}
	return len(p), nil
}

func (s *laxServer) say(code string) { _ = s.guard.fromServer([]byte(code + " x\r\n")) }

// accepts takes the next verdict.
func (s *laxServer) accepts() bool {
	if len(s.verdicts) == 0 {
		return true
	}
	verdict := s.verdicts[0]
	s.verdicts = s.verdicts[1:]
	return verdict%2 == 0
}

func (s *laxServer) obey(line string) {
	if s.inData {
		if line == "." {
			s.inData, s.recipients = false, 0
			s.say("250")
		}
		return
	}
	s.commands = append(s.commands, line)
	verb, arg, _ := strings.Cut(address.Upper(line), " ")
	if verb == "BDAT" && s.recipients > 0 {
		size, _, _ := strings.Cut(arg, " ")
		if s.octets, _ = strconv.ParseInt(size, 10, 64); s.octets > 0 {
			return
		}
	}
	if !s.accepts() {
		s.say("550")
		return
	}
	switch verb {
	case "RCPT":
		s.recipients++
	case "RSET", "MAIL", "EHLO", "HELO":
		s.recipients = 0
	case "DATA":
		s.inData = true
		s.say("354")
		return
	}
	s.say("250")
}

// FuzzGuard: whatever the provider sends, in whatever pieces, the server finds no command in
// it that is not passed on, and no recipient of another domain.
func FuzzGuard(f *testing.F) {
	f.Add("EHLO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nBDAT 8 LAST\r\nXCLIENT\nQUIT\r\n", []byte{}, uint8(3))
	f.Add("RCPT TO:<a@b>\nBDAT 9\r\nXCLIENT\r\nBDAT 0 LAST\r\nAUTH x\r\n", []byte{1}, uint8(0))
	f.Add("DATA\r\nXCLIENT\r\n.\nXCLIENT\n\r.\rXCLIENT\r\n.\r\nVRFY x\r\n", []byte{0}, uint8(1))
	f.Add("DATA\r\nXCLIENT\r\n.\r\n", []byte{1}, uint8(50))
	f.Add(" BDAT 9\r\nXCLIENT\r\n\tBDAT 9 LAST\r\nXCLIENT\r\n DATA\r\nXCLIENT\r\n.\r\n", []byte{1}, uint8(40))
	f.Add("NOOP\rXCLIENT\r\nRCPT TO:<a@evil.example>\r\n", []byte{1}, uint8(5))
	f.Fuzz(func(t *testing.T, text string, verdicts []byte, piece uint8) {
		s := &laxServer{verdicts: verdicts}
		s.guard = newGuard(Guard{Domains: []string{"example.org"}}, newTracker(&Tally{}), s, io.Discard)
		s.say("220")
		for rest := []byte(text); len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			if s.guard.fromProvider(rest[:n]) != nil {
				break
			}
			rest = rest[n:]
		}
		for _, command := range s.commands {
			verb, arg, _ := strings.Cut(address.Upper(command), " ")
			if !slices.Contains([]string{"EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}, verb) {
				t.Errorf("%q reached the server: %q", text, command)
			}
			if verb == "RCPT" && !strings.Contains(arg, "@EXAMPLE.ORG>") && !strings.HasPrefix(arg, "TO:<POSTMASTER>") {
				t.Errorf("%q reached the server: %q", text, command)
			}
		}
	})
}
