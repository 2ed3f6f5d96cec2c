package door

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxDomains = 100 // of one session
	maxAskers  = 100 // connections at once; more are closed, which counts as yes
	// maxAccepts is how many connections one call of Work accepts: the session has mail to send.
	maxAccepts = 16
	// acceptPause is how long nothing is accepted after a failure, such as EMFILE: the socket
	// stays readable, and would wake the session at once again.
	acceptPause = time.Second
	// maxSilence is how long a connection may last: no asker waits longer for its answer.
	maxSilence = Patience + time.Second
)

var errManyDomains = errors.New("the session has too many domains, or may have too few descriptors: not all of its domains can be asked about")

// A Server is asked in a standing session. It never waits: Work does what can be done. It
// is used by one goroutine.
type Server struct {
	listeners []*listener
	askers    []*asker
	most      int       // askers at once
	pause     time.Time // until then nothing is accepted
	deaf      bool      // FDs has left the listeners out
	cache     cache
	now       func() time.Time // for the patience with askers
	date      func() time.Time // for the age of answers

	// Changed reports if what is known of a domain was changed by somebody else, so that no
	// earlier answer counts. Nil for never.
	Changed func(domain string) bool
	// Known is what is known of an address in another way than by a question. Nil for nothing.
	Known func(normal string) (Answer, bool)
}

// An asker is a connection with at most one question.
type asker struct {
	fd       int
	domain   string
	line     []byte
	question string // "" until it is known
	taken    bool   // Questions has handed it out
	since    time.Time
}

// Listen makes a socket for each domain. The Server does what it can; the error says what
// it cannot. date is the clock by which answers grow old.
func Listen(dir string, domains []string, date func() time.Time) (*Server, error) {
	s := &Server{now: time.Now, date: date}
	var failed error
	half := descriptorLimit() / 2 // the other half is the mail's
	if most := min(maxDomains, half/2); len(domains) > most {
		domains, failed = domains[:most], errManyDomains
	}
	s.most = min(maxAskers, half-len(domains))
	for _, domain := range domains {
		if !isName(domain) {
			continue
		}
		l, err := listen(dir, domain)
		if err != nil {
			return s, errors.Join(failed, err) // the others would fail likewise
		}
		s.listeners = append(s.listeners, l)
	}
	return s, failed
}

// FDs are the descriptors that can be read when Work has something to do.
func (s *Server) FDs() []int {
	fds := make([]int, 0, len(s.listeners)+len(s.askers))
	if s.deaf = s.now().Before(s.pause); !s.deaf {
		for _, l := range s.listeners {
			fds = append(fds, l.fd)
		}
	}
	for _, a := range s.askers {
		fds = append(fds, a.fd)
	}
	return fds
}

// Reopens reports if a pause is over in which FDs left the listeners out.
func (s *Server) Reopens() bool { return s.deaf && !s.now().Before(s.pause) }

// Work accepts connections and reads questions, without waiting.
func (s *Server) Work() {
	s.expire()
	s.accept()
	for _, a := range slices.Clone(s.askers) {
		if !a.read() {
			s.drop(a)
		} else if a.question != "" {
			s.answerKnown(a)
		}
	}
}

func (s *Server) accept() {
	if s.now().Before(s.pause) {
		return
	}
	waiting := slices.Clone(s.listeners)
	for left := maxAccepts; left > 0 && len(waiting) > 0; {
		l := waiting[0]
		fd, err := l.accept()
		if err != nil {
			s.pause = s.now().Add(acceptPause)
			return
		}
		waiting = waiting[1:]
		if fd >= 0 {
			left--
			s.add(fd, l.domain)
			waiting = append(waiting, l) // the other domains have their turn before
		}
	}
}

// add takes a connection. If there are too many, one that has not asked yet makes room.
func (s *Server) add(fd int, domain string) {
	if len(s.askers) >= s.most {
		silent := slices.IndexFunc(s.askers, func(a *asker) bool { return a.question == "" })
		if silent < 0 {
			unix.Close(fd)
			return
		}
		s.drop(s.askers[silent])
	}
	s.askers = append(s.askers, &asker{fd: fd, domain: domain, since: s.now()})
}

// expire drops connections that last too long.
func (s *Server) expire() {
	for _, a := range slices.Clone(s.askers) {
		if s.now().Sub(a.since) >= maxSilence {
			s.drop(a)
		}
	}
}

// NextExpiry is when Work has connections to drop, or accepts some again; zero for never.
func (s *Server) NextExpiry() time.Time {
	var next time.Time
	if s.deaf {
		next = s.pause
	}
	for _, a := range s.askers {
		if at := a.since.Add(maxSilence); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

func (s *Server) drop(a *asker) {
	if i := slices.Index(s.askers, a); i >= 0 {
		s.askers = slices.Delete(s.askers, i, i+1)
		unix.Close(a.fd)
	}
}

// read reads what has come. It returns false if the connection is of no more use.
func (a *asker) read() bool {
	var buf [maxQuestion + 2]byte
	n, err := unix.Read(a.fd, buf[:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return true
	}
	if err != nil || n == 0 || a.question != "" { // a second question before the answer
		return false
	}
	a.line = append(a.line, buf[:n]...)
	line, rest, whole := bytes.Cut(a.line, []byte("\n"))
	if !whole {
		return len(a.line) <= maxQuestion
	}
	normal, domain, ok := Normal(string(line))
	if !ok || domain != a.domain || len(rest) > 0 {
		return false
	}
	a.question, a.line = normal, nil
	return true
}

// say answers an asker, which is dropped then.
func (s *Server) say(a *asker, answer Answer) {
	line := string(answer.Verdict) + " " + Words(answer.Words) + "\n"
	_, _ = unix.Write(a.fd, []byte(line)) // it fits into the socket's buffer, or the asker is gone
	s.drop(a)
}

func (s *Server) answerKnown(a *asker) {
	if s.Changed != nil && s.Changed(a.domain) {
		s.cache = cache{}
	}
	answer, known := s.cache.of(a.question, s.date())
	if !known && s.Known != nil {
		answer, known = s.Known(a.question)
	}
	if known {
		s.say(a, answer)
	}
}

// Forget forgets what was answered about an address: something later is known.
func (s *Server) Forget(normal string) { delete(s.cache.answers, normal) }

// Questions hands out at most so many addresses that are asked about, each once.
func (s *Server) Questions(most int) []string {
	var list []string
	seen := map[string]bool{}
	for _, a := range s.askers {
		if len(list) >= most {
			break
		}
		if a.question == "" || a.taken {
			continue
		}
		a.taken = true
		if !seen[a.question] {
			seen[a.question] = true
			list = append(list, a.question)
		}
	}
	return list
}

// Waiting reports if a question waits that Questions has not handed out.
func (s *Server) Waiting() bool {
	return slices.ContainsFunc(s.askers, func(a *asker) bool { return a.question != "" && !a.taken })
}

// Answer answers all that ask about an address, and remembers the answer for a while.
func (s *Server) Answer(normal string, answer Answer) {
	s.cache.add(normal, answer, s.date())
	for _, a := range slices.Clone(s.askers) {
		if a.question == normal {
			s.say(a, answer)
		}
	}
}

// Decline answers all questions that are not handed out with Unknown. Nothing is
// remembered.
func (s *Server) Decline(why string) {
	for _, a := range slices.Clone(s.askers) {
		if a.question != "" && !a.taken {
			s.say(a, Answer{Unknown, why})
		}
	}
}

// Close ends the listening. Connections without an answer are closed, which counts as yes.
func (s *Server) Close() {
	for _, l := range s.listeners {
		l.close()
	}
	for _, a := range s.askers {
		unix.Close(a.fd)
	}
	s.listeners, s.askers = nil, nil
}
