package door

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
	"vodmr/relay/spool/history"
)

// Patience is how long a program at the SMTP server waits for an answer: the sender waits
// meanwhile.
const Patience = 3 * time.Second

// A Client asks about recipients.
type Client struct {
	Dir      string           // the door's folder
	Patience time.Duration    // for one answer
	Now      func() time.Time // the date
}

// NewClient asks in a folder, with the standard patience.
func NewClient(dir string) *Client {
	return &Client{Dir: dir, Patience: Patience, Now: time.Now}
}

// An Opinion is a Client's answer.
type Opinion struct {
	Refuse bool
	Words  string // the customer's, for the reply; or why the recipient is not refused
	Source string // "session", "learnt", or "none"
	Err    error  // why nobody could be asked, if somebody should look at that
}

// Errors of an Opinion.
var (
	errOwner  = errors.New("it belongs to somebody who is neither root nor the folder's owner")
	errAnswer = errors.New("its reply is not one of the answers")
)

// Ask finds out whether a recipient is to be refused. raw is the address without quotes. It
// refuses only if the standing session says so, or if none stands and a refusal was learnt.
func (c *Client) Ask(raw string) Opinion {
	normal, domain, ok := Normal(raw)
	if !ok {
		return Opinion{Words: "no question can be made of this address", Source: "none"}
	}
	answer, err := c.askSession(normal, domain)
	if err == nil {
		return Opinion{Refuse: answer.Verdict == No, Words: answer.Words, Source: "session"}
	}
	if !errors.Is(err, errNobody) {
		return Opinion{Words: "the session did not answer", Source: "none", Err: err}
	}
	return c.askLearnt(normal, domain)
}

func (c *Client) askLearnt(normal, domain string) Opinion {
	learnt := history.NewRecipients(c.Dir, domain, c.Now)
	if _, err := learnt.Load(); err != nil {
		return Opinion{Words: "nobody knows", Source: "none", Err: err}
	}
	if all, known := learnt.TakesAll(); all && known {
		return Opinion{Words: "the customer's server takes any recipient", Source: "learnt"}
	}
	entry, known := learnt.Of(normal)
	if !known {
		return Opinion{Words: "nobody knows", Source: "none"}
	}
	if entry.Refused {
		return Opinion{Refuse: true, Words: Words(entry.Reply), Source: "learnt"}
	}
	return Opinion{Words: "the customer's server accepted it before", Source: "learnt"}
}

// errNobody says that there is no standing session.
var errNobody = errors.New("there is no standing session")

// askSession asks the standing session of a domain.
func (c *Client) askSession(normal, domain string) (Answer, error) {
	path := c.Dir + "/" + domain
	if err := c.trusted(path); err != nil {
		return Answer{}, err
	}
	deadline := time.Now().Add(c.Patience)
	fd, err := connect(path)
	if err != nil {
		return Answer{}, err
	}
	defer unix.Close(fd)
	conn := fdio.New(fd, fd)
	_ = conn.SetDeadline(deadline)
	answer, err := exchange(conn, normal)
	return answer, sys.Named(path, err)
}

// trusted checks the owner of the socket: an answer of anybody else would refuse mail.
func (c *Client) trusted(path string) error {
	var folder, socket unix.Stat_t
	if err := sys.StatPath(c.Dir, &folder); err != nil {
		return sys.Named(c.Dir, err)
	}
	err := sys.Lstat(unix.AT_FDCWD, path, &socket)
	if err == unix.ENOENT || err == nil && uint32(socket.Mode)&unix.S_IFMT != unix.S_IFSOCK {
		return errNobody
	}
	if err == nil && socket.Uid != 0 && socket.Uid != folder.Uid {
		err = errOwner
	}
	return sys.Named(path, err)
}

// connect never waits: a session that has too many questions already is not asked.
func connect(path string) (int, error) {
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	err = sys.Retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	if err == nil {
		return fd, nil
	}
	unix.Close(fd)
	if err == unix.ECONNREFUSED || err == unix.ENOENT { // a dead session left it, or it has just ended
		return -1, errNobody
	}
	return -1, sys.Named(path, err)
}

// exchange says the question and waits for the answer.
func exchange(conn io.ReadWriter, normal string) (Answer, error) {
	if _, err := conn.Write([]byte(normal + "\n")); err != nil {
		return Answer{}, err
	}
	line, err := bufio.NewReaderSize(conn, 2*MaxWords).ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull {
		return Answer{}, err
	}
	verdict, words, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	answer := Answer{Verdict(verdict), Words(words)}
	if err != nil || !slices.Contains([]Verdict{Yes, No, Unknown}, answer.Verdict) {
		return Answer{}, errAnswer
	}
	return answer, nil
}
