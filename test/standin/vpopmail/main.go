// Vpopmail stands in for vpopmail's commands in tests: it is the one that its name says,
// vadddomain, vadduser, vdeluser, vdeldomain, vmkpasswd or vdelivermail, in
// VPOPMAIL/bin. It keeps each rule of the real ones that a caller can see:
//
//   - vadddomain makes an account postmaster, and wants a password for it: -r makes one and
//     prints it; otherwise it is the word after the address, as with vadduser. The catch-all is "delete". It enters the domain into qmail's rcpthosts,
//     virtualdomains and users, and refuses one that is there (exit 243);
//   - all files are the domain's user's, for nobody else, and errors go to standard output;
//   - vpasswd is text, and vchkpw reads vpasswd.cdb, which vmkpasswd makes of it;
//   - vmkpasswd without a domain prints its usage, in which "only" would say that there is
//     no such file;
//   - vdeluser refuses the account that is its domain's catch-all (exit 201), and removes its
//     folder;
//   - vdelivermail, which qmail-local would run, takes a local part and the last two
//     arguments of .qmail-default. For accounts that exist it looks into vpasswd.cdb.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-crypt/crypt/algorithm/md5crypt"

	"vodmr/internal/cdb"
	"vodmr/qmail"
	"vodmr/test/kit/cdbmake"
)

const (
	exitCatchall = 201
	exitNoDomain = 253
	exitExists   = 243
	exitUsage    = 255
	qmailHome    = "/var/qmail"
)

// A site is vpopmail's folder.
type site struct{ home string }

func main() {
	s := site{filepath.Dir(filepath.Dir(os.Args[0]))}
	command := map[string]func(flags string, args []string) int{
		"vadddomain": s.addDomain, "vadduser": s.addUser, "vdeluser": s.delUser, "vdeldomain": s.delDomain,
		"vmkpasswd": s.makeCDB, "vdelivermail": s.deliver,
	}[filepath.Base(os.Args[0])]
	syscall.Umask(0o077)
	var flags string
	args := os.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flags += args[0]
		if slices.Contains([]string{"-q", "-c"}, args[0]) {
			flags += args[1]
			args = args[1:]
		}
		args = args[1:]
	}
	os.Exit(command(flags, args))
}

// refuse prints an error where vpopmail does.
func refuse(code int, text string) int {
	fmt.Println("Error: " + text)
	return code
}

func (s site) folder(domain string) string { return filepath.Join(s.home, "domains", domain) }

// owner is the user of all domains here.
func (s site) owner() (uid, gid int) {
	var st syscall.Stat_t
	_ = syscall.Stat(s.home, &st)
	return int(st.Uid), int(st.Gid)
}

// give gives a tree to the domains' user.
func (s site) give(root string) {
	uid, gid := s.owner()
	_ = filepath.Walk(root, func(path string, _ os.FileInfo, _ error) error { return os.Lchown(path, uid, gid) })
}

// edit changes the lines of a file.
func edit(path string, change func(lines []string) []string) {
	text, _ := os.ReadFile(path)
	lines := change(strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' }))
	out := ""
	if len(lines) > 0 {
		out = strings.Join(lines, "\n") + "\n"
	}
	_ = os.WriteFile(path, []byte(out), 0o600)
}

func add(line string) func([]string) []string {
	return func(lines []string) []string {
		lines = append(lines, line)
		slices.Sort(lines)
		return lines
	}
}

// without leaves out the lines that begin so; the newline counts.
func without(start string) func([]string) []string {
	return func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line+"\n", start) })
	}
}

// users makes qmail's users/cdb of users/assign.
func users(change func([]string) []string) {
	assign := filepath.Join(qmailHome, "users/assign")
	edit(assign, without("."))
	edit(assign, change)
	text, _ := os.ReadFile(assign)
	_ = os.WriteFile(assign, append(text, ".\n"...), 0o644)
	_ = os.Chmod(assign, 0o644)
	_ = os.WriteFile(filepath.Join(qmailHome, "users/cdb"), cdbmake.Assign(string(text)), 0o644)
	_ = os.Chmod(filepath.Join(qmailHome, "users/cdb"), 0o644)
}

func (s site) exists(domain string) bool {
	_, err := os.Stat(s.folder(domain))
	return err == nil && domain != ""
}

func (s site) addDomain(flags string, args []string) int {
	if len(args) == 0 {
		return refuse(0, "usage")
	}
	domain := strings.ToLower(args[0])
	if s.exists(domain) {
		return refuse(exitExists, "Domain already exists")
	}
	dir := s.folder(domain)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return refuse(1, err.Error())
	}
	_ = os.WriteFile(filepath.Join(dir, ".qmail-default"), []byte("| "+s.home+"/bin/vdelivermail '' delete\n"), 0o600)
	_ = os.WriteFile(filepath.Join(dir, "vpasswd"), nil, 0o600)
	uid, gid := s.owner()
	edit(qmailHome+"/control/rcpthosts", add(domain))
	edit(qmailHome+"/control/virtualdomains", add(domain+":"+domain))
	users(add(fmt.Sprintf("+%s-:%[1]s:%d:%d:%s:-::", domain, uid, gid, dir)))
	s.give(filepath.Join(s.home, "domains"))
	return s.addUser(flags+"-cPostmaster", append([]string{"postmaster@" + domain}, args[1:]...))
}

func (s site) addUser(flags string, args []string) int {
	if len(args) == 0 {
		return refuse(exitUsage, "usage")
	}
	name, domain, _ := strings.Cut(args[0], "@")
	dir := s.folder(domain)
	if !s.exists(domain) {
		return refuse(exitUsage, "Domain does not exist")
	}
	if s.account(domain, name) != "" {
		return refuse(exitUsage, "User already exists")
	}
	_, comment, _ := strings.Cut(flags, "-c")
	password, code := newPassword(flags, args[1:])
	if code != 0 {
		return code
	}
	_ = os.MkdirAll(filepath.Join(dir, name, "Maildir/new"), 0o700)
	_ = os.Mkdir(filepath.Join(dir, name, "Maildir/cur"), 0o700)
	_ = os.Mkdir(filepath.Join(dir, name, "Maildir/tmp"), 0o700)
	s.give(filepath.Join(dir, name))
	edit(filepath.Join(dir, "vpasswd"), add(fmt.Sprintf("%s:%s:1:0:%s:%s/%[1]s:NOQUOTA:%[5]s", name, hashed(password), comment, dir, password)))
	return s.makeCDB("", []string{domain})
}

// newPassword is the one that follows the address, or with -r a random one, which it prints.
func newPassword(flags string, args []string) (password string, code int) {
	switch {
	case strings.Contains(flags, "-r"):
		password = strconv.FormatInt(time.Now().Unix(), 36) // the real one's is not much better
		fmt.Println("Random password: " + password)
	case len(args) == 1:
		password = args[0]
	default:
		return "", refuse(exitUsage, "a terminal is needed for the password")
	}
	return password, 0
}

// hashed is the hash of a password that the real one makes, or one that nobody can match.
func hashed(password string) string {
	hasher, err := md5crypt.New()
	if err != nil {
		return "*"
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "*"
	}
	return digest.Encode()
}

// account is what vpasswd.cdb has of an account.
func (s site) account(domain, name string) string {
	db, err := qmail.OpenCDB(filepath.Join(s.folder(domain), "vpasswd.cdb"))
	if err != nil {
		return ""
	}
	defer db.Close()
	value, _, _ := db.Find([]byte(name))
	return string(value)
}

func (s site) makeCDB(_ string, args []string) int {
	if len(args) != 1 {
		fmt.Println("vmkpasswd: usage: domain ")
		return exitUsage
	}
	dir := s.folder(args[0])
	text, err := os.ReadFile(filepath.Join(dir, "vpasswd"))
	if err != nil {
		return exitNoDomain
	}
	var records []cdb.Record
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		records = append(records, cdb.Record{Key: name, Value: rest})
	}
	_ = os.WriteFile(filepath.Join(dir, "vpasswd.cdb"), cdb.Make(records), 0o600)
	s.give(filepath.Join(dir, "vpasswd"))
	s.give(filepath.Join(dir, "vpasswd.cdb"))
	return 0
}

func (s site) delUser(_ string, args []string) int {
	name, domain, _ := strings.Cut(strings.Join(args, " "), "@")
	dir := s.folder(domain)
	if s.account(domain, name) == "" {
		return refuse(exitUsage, "User does not exist")
	}
	if catchall, _ := os.ReadFile(dir + "/.qmail-default"); strings.HasSuffix(string(catchall), " "+dir+"/"+name+"\n") {
		return refuse(exitCatchall, "can't delete catchall account")
	}
	edit(filepath.Join(dir, "vpasswd"), without(name+":"))
	_ = os.RemoveAll(filepath.Join(dir, name))
	return s.makeCDB("", []string{domain})
}

func (s site) delDomain(_ string, args []string) int {
	if !s.exists(strings.Join(args, " ")) {
		return refuse(exitNoDomain, "Domain does not exist")
	}
	edit(qmailHome+"/control/rcpthosts", without(args[0]+"\n"))
	edit(qmailHome+"/control/virtualdomains", without(args[0]+":"))
	users(without("+" + args[0] + "-:"))
	_ = os.RemoveAll(s.folder(args[0]))
	return 0
}

// deliver is vdelivermail with qmail-local: SENDER, LOCAL, DOMAIN, and what to do if there is no
// such account. It runs as root here.
func (s site) deliver(_ string, args []string) int {
	sender, local, domain, otherwise := args[0], strings.ToLower(args[1]), args[2], args[3]
	home := otherwise
	if fields := strings.Split(s.account(domain, local), ":"); len(fields) > 4 {
		home = fields[4]
	}
	if !strings.HasPrefix(home, "/") {
		return refuse(100, "no such user")
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "Return-Path: <%s>\nDelivered-To: %s@%s\nReceived: (qmail %d invoked by uid 0); 1 Jan 2026 00:00:00 -0000\n",
		sender, local, domain, os.Getpid())
	_, _ = io.Copy(&text, os.Stdin)
	name := fmt.Sprintf("%d.%d.front", time.Now().Unix(), os.Getpid())
	if err := os.WriteFile(home+"/Maildir/tmp/"+name, text.Bytes(), 0o600); err != nil {
		return refuse(111, err.Error())
	}
	s.give(home + "/Maildir/tmp/" + name)
	if err := os.Rename(home+"/Maildir/tmp/"+name, home+"/Maildir/new/"+name); err != nil {
		return refuse(111, err.Error())
	}
	return 0
}
