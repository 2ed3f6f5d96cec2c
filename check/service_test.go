package check

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A chain is a run script's facts, in short.
type chain struct {
	Port, Slots     int
	TCPRules        string
	RunsAs          ids
	TLS, STARTTLS   bool
	Cert, Account   string
	Host            string
	Prog            string
	Rules, Qmail    string
	Maildir, Limits string
}

func chainOf(s service) chain {
	var limits []string
	for _, l := range s.limits {
		limits = append(limits, l.String())
	}
	return chain{
		s.tcp.port, s.tcp.slots, s.tcp.rules, s.runsAs(), s.tls.found, s.tls.starttls, s.tls.cert, s.tls.account,
		s.vodmr.host, strings.Join(s.prog, " "), s.relay.rules, s.relay.qmail, s.relay.maildir, strings.Join(limits, ", "),
	}
}

// vpopmailAlone is a system with two accounts.
func vpopmailAlone(name string) (ids, string, error) {
	switch name {
	case "vpopmail":
		return ids{true, 89, 90}, "/home/vpopmail", nil
	case "vodmrtls":
		return ids{true, 91, 92}, "/nonexistent", nil
	}
	return ids{}, "", errors.New("unknown user " + name)
}

func TestRunScriptsAreUnderstood(t *testing.T) {
	usual := chain{
		Port: 366, Slots: 7, TCPRules: "tcp.cdb", RunsAs: ids{true, 89, 90}, Host: "mail.example.net",
		Prog: "/v/vchkpw", Maildir: "Maildir",
	}
	with := func(change func(c *chain)) chain { c := usual; change(&c); return c }
	for name, test := range map[string]struct {
		script string
		want   chain
	}{
		"plain": {`exec tcpserver -vRHl0 -x tcp.cdb -c7 -u89 -g90 0 366 /b/vodmr mail.example.net /v/vchkpw /b/vodmr-relay Maildir`, usual},
		"asked for": {"exec 2>&1\nexec envdir env \\\n  tcpserver -vRHl0 -x tcp.cdb -c7 \\\n" +
			"  -u\"$(id -u vpopmail)\" -g\"$(id -g vpopmail)\" 0 366 \\\n  vodmr mail.example.net \\\n  /v/vchkpw \\\n  vodmr-relay", usual},
		"kept in variables": {"# Put no `softlimit -m' here; it's not good.\nuid=$(id -u vpopmail) && gid=$(id -g vpopmail) || exit 111\n" +
			"slots=$(head -n 1 env/CONCURRENCY)\nhost=mail.example.net\n" +
			`exec tcpserver -x tcp.cdb -c"${slots:-40}" -u"$uid" -g"$gid" 0 366 vodmr "$host" /v/vchkpw vodmr-relay -x "$PWD/rules.cdb" Maildir`,
			with(func(c *chain) { c.Rules = "DIR/rules.cdb" })},
		"by a shell": {"exec envdir ./env sh -c '\n  exec setuidgid vpopmail tcpserver -c\"$CONCURRENCY\" -x tcp.cdb 0 366 " +
			"vodmr -T -p 25 mail.example.net /v/vchkpw vodmr-relay -q /q Maildir\n'\n", with(func(c *chain) { c.Qmail = "/q" })},
		"TLS": {"exec tcpserver -x tcp.cdb -c7 0 366 vodmr-tls -s -c /c.pem -u vodmrtls -U vpopmail vodmr mail.example.net /v/vchkpw vodmr-relay",
			with(func(c *chain) { c.TLS, c.STARTTLS, c.Cert, c.Account = true, true, "/c.pem", "vodmrtls" })},
		"root, another Maildir, limits": {"exec softlimit -o100 -a 2000000000 tcpserver -x tcp.cdb -c7 0 1366 vodmr mail.example.net " +
			"vodmr-checkpw vpasswd vodmr-relay .", with(func(c *chain) {
			c.Port, c.RunsAs, c.Prog, c.Maildir = 1366, ids{known: true}, "vodmr-checkpw vpasswd", "."
			c.Limits = "softlimit -a 2000000000, softlimit -o 100"
		})},
		"behind a balancer": {"exec tcpserver -x tcp.cdb -c7 -u89 -g90 0 366 vodmr-proxy -n 192.0.2.10 -l 192.0.2.10 " +
			"vodmr -C -u vodmrtls -P 192.0.2.10 mail.example.net /v/vchkpw vodmr-relay", usual},
		"nothing": {"exec sleep 1000", chain{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"run": "#!/bin/sh\n" + test.script + "\n", "env/CONCURRENCY": "7\n"} {
				path := filepath.Join(dir, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			got := chainOf(readService(dir, vpopmailAlone))
			got.Rules = strings.Replace(got.Rules, dir, "DIR", 1)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(ids{})); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

// The account of each -u that is not there is named.
func TestAccountsThatAreMissing(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nexec tcpserver 0 366 vodmr-proxy -n 192.0.2.10 -u reads -l 192.0.2.11 vodmr -u talks mail.example.net /v/vchkpw vodmr-relay\n"
	require.OK(t, os.WriteFile(filepath.Join(dir, "run"), []byte(script), 0o755))
	if diff := cmp.Diff([]string{"reads", "talks"}, readService(dir, vpopmailAlone).accounts); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// Run scripts of vodmr-conf are understood.
func TestVodmrConfsRunScriptIsUnderstood(t *testing.T) {
	dir := t.TempDir()
	if err := dialogue.Build(dir, "vodmr/cmd/vodmr-conf"); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"-p1366", "-s"} {
		made := filepath.Join(dir, "made"+option)
		account := me.Username
		if me.Uid == "0" && option == "-s" {
			account = "daemon" // with -s root needs -u, which is not ACCT
		}
		conf := exec.Command(filepath.Join(dir, "vodmr-conf"), "-f", option, "-u", "nobody", account, me.Username, made,
			"mail.example.net", "/v/vchkpw", "-q", "/q", "Maildir")
		if out, err := conf.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v, %s", conf.Args, err, out)
		}
		s := readService(made, lookUpUser)
		if s.err != nil || s.envError != nil || len(s.accounts) > 0 {
			t.Errorf("%s: %v, %v, %v", option, s.err, s.envError, s.accounts)
		}
		c := chainOf(s)
		want := chain{
			Port: 366, Slots: 40, TCPRules: "tcp.cdb", RunsAs: c.RunsAs, TLS: true, STARTTLS: true, Cert: c.Cert, Account: c.Account,
			Host: "mail.example.net", Prog: "/v/vchkpw", Rules: made + "/rules.cdb", Qmail: "/q", Maildir: "Maildir",
		}
		if option != "-s" {
			want.Port, want.TLS, want.STARTTLS = 1366, false, false
		}
		if diff := cmp.Diff(want, c, cmp.AllowUnexported(ids{})); diff != "" || !c.RunsAs.known || (me.Uid == "0" && option == "-s") != (c.Account == "nobody") {
			t.Errorf("%s: %+v: -want, +got:\n%s", option, c, diff)
		}
	}
}

func FuzzRunScript(f *testing.F) {
	for _, seed := range []string{script, "a=$(id -u x) sh -c 'sh -c \"sh -c x\"'", "softlimit -m", "tcpserver -x", "vodmr-relay -q", "vodmr -p", "${x:-", "$("} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "run"), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		s := readService(dir, vpopmailAlone)
		if s.vodmr.found && !strings.Contains(text, "vodmr") && !strings.Contains(text, "$") && !strings.ContainsAny(text, `\'"`) {
			t.Errorf("a vodmr in %q", text)
		}
	})
}
