package history

import (
	"bytes"
	"container/list"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

const (
	// keepRecipient is how long an answer about a recipient is remembered. It is short
	// enough that a new account is not refused for long.
	keepRecipient = 7 * 24 * time.Hour
	// keepTakesAll is how long a server that takes any recipient is not asked again.
	keepTakesAll = 24 * time.Hour
	// AcceptedFor and RefusedFor are how long an answer holds without the customer's server being
	// asked again, if it can be asked. A user that it makes is not refused for longer.
	AcceptedFor = time.Hour
	RefusedFor  = 10 * time.Minute

	maxRecipients    = 1000      // of each kind
	minRewritten     = 256 << 10 // bytes beyond twice of what is needed; then the file is rewritten
	maxRecipientFile = 16 << 20  // bytes; more is not read, and none of ours has more
	maxAddress       = 400       // bytes; RFC 5321 section 4.5.3.1 allows 320
	recipientPrefix  = "learnt@"
	recipientMode    = 0o640 // the folder's group may read
)

// A Recipient is the last answer of the customer's server about one address.
type Recipient struct {
	Address string
	Refused bool
	When    int64  // Unix seconds
	Reply   string // the refusal; "" for an acceptance
	order   int    // as the lines of the file: times are whole seconds, and many entries share one
}

// Recipients are the recipients of one domain that the customer's server has accepted or
// refused in the last week. They are a file of their own, learnt@DOMAIN in the door's
// folder: the front's SMTP server may read it, and must not read the customer's Maildir.
// Its lines are those of vodmr.notes:
//
//	no ADDRESS reply     the customer's server refused it
//	yes ADDRESS          it accepted it
//	forget ADDRESS       an administrator wants it asked anew
//	all 0|1              it takes any recipient (1), or does not
//	login LOGIN          whose customer it is
//
// Several programs may append lines, each with one write under a lock. A damaged line
// counts for nothing.
type Recipients struct {
	dir, domain string
	clock       func() time.Time

	login    string
	known    map[string]*list.Element // by the address; each is in the list of its kind
	accepted list.List                // of Recipient, the oldest first
	refused  list.List
	written  int // how many entries were made, ever: the order of the next one
	takesAll bool
	checked  int64 // when takesAll was found out, in Unix seconds; 0 for never
	needed   int64 // bytes of the file when it was rewritten last
	size     int64
	inode    uint64
}

// NewRecipients are those of a domain, whose file lies in dir. Nothing is read yet.
func NewRecipients(dir, domain string, clock func() time.Time) *Recipients {
	return &Recipients{dir: dir, domain: domain, clock: clock, known: map[string]*list.Element{}}
}

func (r *Recipients) path() string { return r.dir + "/" + RecipientsFile(r.domain) }

// RecipientsFile is the name of the file about a domain in the door's folder.
func RecipientsFile(domain string) string { return recipientPrefix + domain }

// DomainOfRecipients is the domain of a file in the door's folder; ok is false if the
// file is another.
func DomainOfRecipients(file string) (domain string, ok bool) {
	return strings.CutPrefix(file, recipientPrefix)
}

// Load reads the file again if it has changed. changed reports if somebody else wrote to it.
// There may be no file.
func (r *Recipients) Load() (changed bool, err error) {
	var st unix.Stat_t
	err = sys.StatPath(r.path(), &st)
	if err == unix.ENOENT {
		changed = r.size > 0
		r.reset()
		return changed, nil
	}
	changed = err == nil && (st.Size != r.size || st.Ino != r.inode)
	if changed {
		err = r.read()
	}
	return changed && err == nil, sys.Named(r.path(), err)
}

func (r *Recipients) reset() {
	clear(r.known)
	r.accepted, r.refused = list.List{}, list.List{}
	r.takesAll, r.checked, r.size, r.inode = false, 0, 0, 0
}

func (r *Recipients) read() error {
	fd, st, err := sys.OpenRegular(unix.AT_FDCWD, r.path(), unix.O_RDONLY|sys.Safely, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	text := make([]byte, min(st.Size, maxRecipientFile))
	have, err := sys.ReadFull(fd, text, 0)
	if err != nil {
		return err
	}
	r.reset()
	for line := range bytes.Lines(text[:have]) {
		if whole, ok := bytes.CutSuffix(line, []byte("\n")); ok {
			r.apply(string(whole))
		}
	}
	r.size, r.inode = st.Size, st.Ino
	return nil
}

// apply applies one line.
func (r *Recipients) apply(line string) {
	when, verb, name, rest, ok := parseNote(line)
	if !ok {
		return
	}
	switch verb {
	case "no":
		r.set(Recipient{Address: name, Refused: true, When: when, Reply: cut(rest)})
	case "yes":
		r.set(Recipient{Address: name, When: when})
	case "forget":
		r.drop(name)
	case "all":
		r.takesAll, r.checked = name == "1", when
	case "login":
		r.login = name
	}
}

func (r *Recipients) set(entry Recipient) {
	if len(entry.Address) > maxAddress || !r.fresh(entry.When, keepRecipient) {
		return
	}
	r.drop(entry.Address)
	alike := r.alike(entry)
	if alike.Len() >= maxRecipients {
		r.drop(alike.Front().Value.(Recipient).Address)
	}
	r.written++
	entry.order = r.written
	r.known[entry.Address] = alike.PushBack(entry)
}

// alike are the entries of a kind.
func (r *Recipients) alike(entry Recipient) *list.List {
	if entry.Refused {
		return &r.refused
	}
	return &r.accepted
}

func (r *Recipients) drop(address string) {
	if at, found := r.known[address]; found {
		r.alike(at.Value.(Recipient)).Remove(at)
		delete(r.known, address)
	}
}

// fresh reports if a time is not longer ago than the limit, and not in the future.
func (r *Recipients) fresh(when int64, limit time.Duration) bool {
	age := r.clock().Unix() - when
	return -60 <= age && age < int64(limit/time.Second)
}

// Of is what is known of an address; known is false if that is nothing of the last week.
func (r *Recipients) Of(address string) (entry Recipient, known bool) {
	at, known := r.known[address]
	if known {
		entry = at.Value.(Recipient)
	}
	return entry, known && r.fresh(entry.When, keepRecipient)
}

// Fresh is what is known of an address, if it holds so that the customer's server need not be
// asked.
func (r *Recipients) Fresh(address string) (entry Recipient, known bool) {
	entry, known = r.Of(address)
	holds := AcceptedFor
	if entry.Refused {
		holds = RefusedFor
	}
	return entry, known && r.fresh(entry.When, holds)
}

// All are all that are known, the oldest first.
func (r *Recipients) All() (all []Recipient) {
	for address := range r.known {
		if entry, known := r.Of(address); known {
			all = append(all, entry)
		}
	}
	slices.SortFunc(all, func(a, b Recipient) int { return a.order - b.order })
	return all
}

// Login is the login that the domain's mail waits for; "" if it is not known.
func (r *Recipients) Login() string { return r.login }

// TakesAll reports if the server took an address that cannot exist; known is false if that
// was not found out in the last day.
func (r *Recipients) TakesAll() (all, known bool) {
	return r.takesAll, r.checked != 0 && r.fresh(r.checked, keepTakesAll)
}

// SetTakesAll remembers whether the server takes any recipient.
func (r *Recipients) SetTakesAll(all bool) error {
	r.takesAll, r.checked = all, r.clock().Unix()
	return r.write("all", flag(all))
}

// Refused remembers a refusal. It is not written again as long as the last one is fresh.
func (r *Recipients) Refused(address, reply string) error {
	return r.remember(Recipient{Address: address, Refused: true, Reply: cut(reply)})
}

// Accepted remembers an acceptance likewise, which takes back a refusal.
func (r *Recipients) Accepted(address string) error {
	return r.remember(Recipient{Address: address})
}

func (r *Recipients) remember(entry Recipient) error {
	if old, known := r.Fresh(entry.Address); known && old.Refused == entry.Refused {
		return nil
	}
	entry.When = r.clock().Unix()
	r.set(entry)
	verb, rest := entry.line()
	return r.write(verb, entry.Address, rest...)
}

// line is what the entry's line has around the address.
func (entry Recipient) line() (verb string, rest []any) {
	if entry.Refused {
		return "no", []any{entry.Reply}
	}
	return "yes", nil
}

// Forget has an address asked anew. A standing session sees that the file has changed, and
// forgets its own answers too.
func (r *Recipients) Forget(address string) error {
	if r.inode == 0 { // there is no file: root must not make one that the session cannot write
		return nil
	}
	r.drop(address)
	return r.write("forget", address)
}

// SetLogin remembers whose customer it is.
func (r *Recipients) SetLogin(login string) error {
	if login == r.login || login == "" {
		return nil
	}
	r.login = login
	return r.write("login", login)
}

// errCrowded says that other programs replace the file again and again.
var errCrowded = errors.New("the file is replaced by others all the time")

// write appends one line, or writes the file anew if it has become long.
func (r *Recipients) write(verb, name string, rest ...any) error {
	if len(name) > maxAddress {
		return nil
	}
	line := appendNote(nil, r.clock().Unix(), verb, name, rest...)
	for range 10 {
		if done, err := r.append(line); done || err != nil {
			return sys.Named(r.path(), err)
		}
	}
	return sys.Named(r.path(), errCrowded)
}

// append appends a line under the lock. done is false if the file was replaced meanwhile.
func (r *Recipients) append(line []byte) (done bool, err error) {
	fd, err := sys.Open(unix.AT_FDCWD, r.path(), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|sys.Safely, recipientMode)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var open, named unix.Stat_t
	if err = sys.Retry(func() error { return unix.Flock(fd, unix.LOCK_EX) }); err == nil {
		err = sys.Stat(fd, &open)
	}
	if err == nil && !sys.IsRegular(&open) {
		err = sys.ErrNotRegular
	}
	if err != nil {
		return false, err
	}
	if err := sys.StatPath(r.path(), &named); err != nil || !sys.SameFile(&open, &named) {
		return false, nil
	}
	if open.Size == 0 {
		_ = unix.Fchmod(fd, recipientMode) // whatever the umask is
	}
	if err := fdio.WriteAll(fd, line); err != nil {
		_ = unix.Ftruncate(fd, open.Size) // half a line would spoil the next one
		return false, err
	}
	current := open.Size == r.size && (open.Ino == r.inode || r.inode == 0) // nobody else wrote
	if current {
		r.size, r.inode = open.Size+int64(len(line)), open.Ino
	}
	if open.Size <= 2*r.needed+minRewritten || int(open.Uid) != unix.Geteuid() { // or its owner changes
		return true, nil
	}
	if !current {
		if err := r.read(); err != nil {
			return true, err
		}
	}
	return true, r.rewrite()
}

// rewrite replaces the file by one that has only what is known. The lock is held. Mail and
// questions wait meanwhile, so nothing is read that is known already.
func (r *Recipients) rewrite() error {
	var text []byte
	if r.login != "" {
		text = appendNote(text, r.clock().Unix(), "login", r.login)
	}
	if r.checked != 0 {
		text = appendNote(text, r.checked, "all", flag(r.takesAll))
	}
	for _, entry := range r.All() {
		verb, rest := entry.line()
		text = appendNote(text, entry.When, verb, entry.Address, rest...)
	}
	var st unix.Stat_t
	fd, err := replace(unix.AT_FDCWD, r.path(), r.path()+".tmp", recipientMode, func(fd int) error {
		return errors.Join(unix.Fchmod(fd, recipientMode), fdio.WriteAll(fd, text), sys.Stat(fd, &st))
	})
	if err != nil {
		return err
	}
	unix.Close(fd)
	r.needed, r.size, r.inode = int64(len(text)), st.Size, st.Ino
	return nil
}
