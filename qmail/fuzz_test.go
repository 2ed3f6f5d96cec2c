package qmail

import (
	"errors"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/address"
)

// add gives a target its seeds.
func add(f *testing.F, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
}

// FuzzControl: one-line files and numbers mean what their first line says, lists
// hold neither comments nor line ends, and no file of a control folder can make a
// duration negative.
func FuzzControl(f *testing.F) {
	add(f, "", "mail.example\n", "mail.example", " lead\n", "blanks \t \nsecond\n", "\nsecond", "60\n", "60s\n", "-1\n",
		"99999999999999999999\n", "#comment\nentry\n", "a\x00b\n", "a\r\n", "\xff\n")
	dir := f.TempDir()
	h := OpenHome(dir)
	file := writeFile(f, dir, "control/me", "")
	for _, name := range []string{"bouncemaxbytes", "queuelifetime", "timeoutremote", "doublebounceto"} {
		if err := os.Symlink(file, h.Path("control/"+name)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, content string) {
		writeFile(t, dir, "control/me", content)
		s, err := h.Settings("vodmr.host")
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(content, "\n")
		for strings.HasSuffix(first, " ") || strings.HasSuffix(first, "\t") {
			first = first[:len(first)-1]
		}
		want := first
		if want == "" {
			want = "vodmr.host"
		}
		if s.Me != want || s.HeloHost != want || s.BounceHost != want || s.DoubleBounceTo != first {
			t.Errorf("%q gave %+v", content, s)
		}
		checkNumbers(t, first, s)
		checkLines(t, h, content)
	})
}

// checkNumbers finds the number at the start of a line in another way.
func checkNumbers(t *testing.T, line string, s Settings) {
	digits := line[:len(line)-len(strings.TrimLeft(line, "0123456789"))]
	want := defaults
	want.TimeoutRemote = 0
	if digits != "" {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > maxNumber {
			n = maxNumber
		}
		want.BounceMaxBytes = n
		want.QueueLifetime, want.TimeoutRemote = time.Duration(n)*time.Second, time.Duration(n)*time.Second
	}
	if s.BounceMaxBytes != want.BounceMaxBytes || s.QueueLifetime != want.QueueLifetime || s.TimeoutRemote != want.TimeoutRemote {
		t.Errorf("%q gave %+v", line, s)
	}
	if s.QueueLifetime < 0 || s.TimeoutRemote < 0 {
		t.Errorf("%q gave a negative duration: %+v", line, s)
	}
}

func checkLines(t *testing.T, h Home, content string) {
	c := control{home: h, open: openRegular}
	entries := c.lines("me")
	if c.err != nil || len(entries) > strings.Count(content, "\n")+strings.Count(content, "\x00")+1 {
		t.Errorf("%q: %d entries, %v", content, len(entries), c.err)
	}
	for _, entry := range entries {
		if strings.ContainsAny(entry, "\n\x00") || !strings.Contains(content, entry) {
			t.Errorf("entry %q of %q", entry, content)
		}
	}
}

// rewrite is what qmail-send(8) does with an address: by the address itself, by
// its domain, by a suffix of that, by the empty key.
func rewrite(v *VirtualDomains, local, domain string) string {
	local, domain = address.Lower(local), address.Lower(domain)
	if prepend, found := v.prepend[local+"@"+domain]; found {
		if prepend == "" {
			return local
		}
		return prepend + "-" + local
	}
	if prefix, found := v.Prefix(domain); found {
		return prefix + "-" + local
	}
	return local
}

// FuzzVirtualDomains: what qmail-send puts before a local part, Strip takes off
// again, unless two addresses come to the same; prefixes come from the file; and
// upper case makes no difference.
func FuzzVirtualDomains(f *testing.F) {
	for _, seed := range [][3]string{
		{"", "a", "b.example"},
		{"b.example:user\n", "a", "b.example"},
		{"b.example:user-x\n", "user-x-a", "B.Example"},
		{".example:wild\n", "a", "b.example"},
		{".b.example:\n.example:wild\n", "a", "c.b.example"},
		{":all\n", "a", "anything"},
		{"a@b.example:user\nb.example:other\n", "a", "b.example"},
		{"a-a@b.example:user\na@b.example:user-a\n", "a", "b.example"},
		{"b.example:one\nb.example:two\n", "a", "b.example"},
		{"b.example\n#c.example:x\n", "a", "c.example"},
		{"@b.example:u\n@:v\n", "", "b.example"},
		{"b.example:U\xff-\x00c:d\n", "\xc3", "C"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	dir := f.TempDir()
	h := OpenHome(dir)
	f.Fuzz(func(t *testing.T, content, local, domain string) {
		writeFile(t, dir, "control/virtualdomains", content)
		v, err := h.VirtualDomains()
		if err != nil {
			t.Fatal(err)
		}
		prefix, found := v.Prefix(domain)
		if found != (prefix != "") || !strings.Contains(content, prefix) {
			t.Errorf("prefix %q, %v", prefix, found)
		}
		if upper, _ := v.Prefix(upperASCII(domain)); upper != prefix {
			t.Errorf("prefix %q, in upper case %q", prefix, upper)
		}
		if got := v.Strip(local, domain); !strings.HasSuffix(local, got) {
			t.Errorf("Strip(%q) = %q", local, got)
		}
		checkRewrite(t, v, local, domain)
		checkHeldBy(t, v, prefix, domain)
	})
}

func checkRewrite(t *testing.T, v *VirtualDomains, local, domain string) {
	made := rewrite(v, local, domain)
	got := v.Strip(made, domain)
	// Both may lead there: the one that Strip names must lead to the same place.
	if got != address.Lower(local) && address.Lower(rewrite(v, got, domain)) != address.Lower(made) {
		t.Errorf("%q became %q, and then %q", local, made, got)
	}
}

func checkHeldBy(t *testing.T, v *VirtualDomains, login, domain string) {
	held := v.HeldBy(login)
	if !slices.IsSorted(held) || len(slices.Compact(slices.Clone(held))) != len(held) {
		t.Errorf("held: %q", held)
	}
	for _, d := range held {
		if prefix, found := v.Prefix(d); !found || !HeldPrefix(prefix, login) {
			t.Errorf("%q holds %q, whose prefix is %q", login, d, prefix)
		}
	}
	if _, named := v.prepend[address.Lower(domain)]; named && login != "" && domain != "" && domain[0] != '.' &&
		!strings.Contains(domain, "@") && !slices.Contains(held, address.Lower(domain)) {
		t.Errorf("%q does not hold %q", login, domain)
	}
}

// upperASCII changes ASCII letters only.
func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// FuzzDotQmail: lines count one by one, comments count for nothing, addresses are
// in lower case and hold an @, and a domain without a word about a folder does
// not lead there.
func FuzzDotQmail(f *testing.F) {
	add(f, "", "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n",
		"| /home/vpopmail/bin/vdelivermail '' /home/vpopmail/domains/a.example/odmr\n",
		"| /home/vpopmail/bin/vdelivermail '' odmr@a.example\n", "&Odmr@A.example\n", "odmr@a.example", "./Maildir/\n",
		"/home/a/Maildir/\n/home/a/mbox\n", "# x@y\n+list\n", "|vdelivermail\n|a | b vdelivermail x; c 'd\n",
		"| \"vdeliver\\mail\" '' \"/a b\" # c\n", "& \tx@y \t\n", "|preline vdelivermail '' /a/../b\n", "|vdelivermail '' /no'where'\n", "\x00@\xff\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		got := readDefault(t, dir, content)
		var lines DotQmail
		for line := range strings.SplitSeq(content, "\n") {
			one := readDefault(t, dir, "# x@y\n"+line+"\n\n")
			lines.homes = append(lines.homes, one.homes...)
			lines.maildirs = append(lines.maildirs, one.maildirs...)
			lines.addresses = append(lines.addresses, one.addresses...)
			lines.others = append(lines.others, one.others...)
			lines.vdelivermail = lines.vdelivermail || one.vdelivermail
		}
		lines.whole = got.whole // no line alone tells
		if diff := cmp.Diff(lines, got, cmp.AllowUnexported(DotQmail{}, local{})); diff != "" {
			t.Errorf("line by line (-), whole (+):\n%s", diff)
		}
		for _, to := range got.Addresses() {
			if to != address.Lower(to) || !strings.Contains(to, "@") {
				t.Errorf("address %q", to)
			}
		}
		for _, p := range slices.Concat(got.homes, got.maildirs) {
			if p != path.Clean(p) || p[0] != '/' {
				t.Errorf("path %q", p)
			}
		}
		bare := strings.NewReplacer("'", "", `"`, "", `\`, "").Replace(content)
		if !strings.Contains(bare, "nowhere") && got.LeadsTo("/nowhere", "Maildir") {
			t.Errorf("%q leads to /nowhere", content)
		}
	})
}

func readDefault(t *testing.T, dir, content string) DotQmail {
	t.Helper()
	writeFile(t, dir, ".qmail-default", content)
	dq, err := ReadDefault(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dq
}

// FuzzShellCommands: words in quotes come out as they went in, and what is no
// longer than a line makes no more words than it has bytes.
func FuzzShellCommands(f *testing.F) {
	add(f, "", "a b", "a  b\tc", "a;b|c&&d", "'a b'c", `"a\"b" 'c\'`, `a\ b`, "'open", `"open\`, "# no", "a #no", "a#yes", "''", "\x00\xff")
	f.Fuzz(func(t *testing.T, line string) {
		bytes := 0
		for _, words := range ShellCommands(line) {
			if len(words) == 0 {
				t.Errorf("%q: a command without words", line)
			}
			for _, word := range words {
				bytes += max(len(word), 2) // '' is the shortest
			}
		}
		if bytes > 2*len(line) {
			t.Errorf("%q gives %q", line, ShellCommands(line))
		}
		words := strings.Split(line, " ")
		quoted := ""
		for _, word := range words {
			quoted += "'" + strings.ReplaceAll(word, "'", `'\''`) + "' "
		}
		if diff := cmp.Diff([][]string{words}, ShellCommands(quoted)); diff != "" {
			t.Errorf("%s:\n%s", quoted, diff)
		}
	})
}

// FuzzRules: a record says what it holds or is damaged, and a login finds its own
// record before its domain's, and that before everybody's, in any case.
func FuzzRules(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "odmr@a.example"},
		{"D\x00", "odmr@a.example"},
		{"+VODMR_DOMAINS=a.example,b.example\x00", "ODMR@A.example"},
		{"+A=1\x00+A=2\x00D\x00", "odmr%a.example"},
		{"+A=\x00", "odmr/a.example"},
		{"+=x\x00", "@a.example"},
		{"+A\x00", "odmr"},
		{"+A=1", ""},
		{"D", "@"},
		{"\x00", "a@b@c"},
		{"+D\x00", "%"},
		{"+A=\xff=\n\x00", "\xe2\x84\xaa@x"},
	} {
		f.Add(seed[0], seed[1])
	}
	whole := regexp.MustCompile(`(?s)^((D|\+[^=\x00]+=[^\x00]*)\x00)*$`)
	f.Fuzz(func(t *testing.T, value, login string) {
		rule, err := (&Rules{cdb: &CDB{file: &file{path: "rules"}}}).parse(value)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || rule.Deny || rule.Env != nil || whole.MatchString(value) {
				t.Errorf("%q: %+v, %v", value, rule, err)
			}
		} else {
			checkRule(t, value, rule)
		}
		checkLookUp(t, login, len(value))
	})
}

// checkRule takes the record apart in another way.
func checkRule(t *testing.T, value string, got Rule) {
	want := Rule{Env: map[string]string{}}
	for part := range strings.SplitSeq(strings.TrimSuffix(value, "\x00"), "\x00") {
		if i := strings.IndexByte(part, '='); i > 1 {
			want.Env[part[1:i]] = part[i+1:]
		}
		want.Deny = want.Deny || part == "D"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q:\n%s", value, diff)
	}
}

// checkLookUp has rules for all of a login's keys but the first few.
func checkLookUp(t *testing.T, login string, few int) {
	keys := ruleKeys(address.Lower(login))
	if !slices.Equal(keys, ruleKeys(address.Lower(upperASCII(login)))) || keys[0] != address.Lower(login) || keys[len(keys)-1] != "" {
		t.Fatalf("keys of %q: %q", login, keys)
	}
	if strings.Contains(login, "\x00") {
		return
	}
	keys = keys[few%len(keys):]
	var records []record
	for _, key := range keys {
		records = append(records, record{key, "+KEY=" + key + "\x00"})
	}
	rules := &Rules{mustOpenCDB(t, makeCDB(records))}
	if rule, found, err := rules.For(login); !found || err != nil || rule.Env["KEY"] != keys[0] {
		t.Errorf("%q with rules for %q found %+v, %v, %v", login, keys, rule, found, err)
	}
}

// FuzzUsers: an entry of users/cdb is a domain in lower case with a clean
// directory that holds what is below it and nothing beside it, or damaged.
func FuzzUsers(f *testing.F) {
	add(f, "", "a.example\x0089\x0088\x00/home/a.example\x00-\x00", "A.Example\x0089\x0088\x00/home//a/../b/\x00-\x00ext\x00more",
		"a.example\x00-1\x0088\x00/h\x00-\x00", "a.example\x004294967296\x000\x00/h\x00-\x00", "a.example\x0089\x0088\x00\x00-\x00",
		"a.example\x0089\x0088\x00/\x00-\x00", "a.example\x0089\x0088\x00relative\x00-\x00", "a.example\x0089\x0088\x00/..\x00-\x00",
		"a.example\x00+1\x001\x00/h\x00-\x00", "user\x0089\x0088\x00/h\x00-\x00", "a.\xff\x000\x000\x00/\xfe\x00\x00", "a.b\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, value string) {
		u := &Users{&CDB{file: &file{path: "users"}}}
		d, err := u.parse([]byte(value))
		if err != nil {
			if !errors.Is(err, ErrDamaged) || d != (Domain{}) {
				t.Errorf("%+v, %v", d, err)
			}
			return
		}
		fields := strings.Split(value, "\x00")
		if d.Name != address.Lower(fields[0]) || d.Dir != path.Clean(fields[3]) || d.Dir == "" {
			t.Errorf("%q gave %+v", value, d)
		}
		if holds := path.IsAbs(d.Dir) && d.Dir != "/"; d.Holds(d.Dir) != holds || d.Holds(d.Dir+"/x") != holds ||
			d.Holds(d.Dir+"x") || d.Holds("") || d.Holds("/") {
			t.Errorf("%+v holds what it should not, or not what it should", d)
		}
		second, err := u.parse([]byte(d.Name + "\x00" + strconv.Itoa(int(d.UID)) + "\x00" + strconv.Itoa(int(d.GID)) + "\x00" + d.Dir + "\x00-\x00"))
		if err != nil || second != d {
			t.Errorf("%+v, then %+v, %v", d, second, err)
		}
	})
}
