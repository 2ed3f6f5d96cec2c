package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// An nginx is an nginx that runs with dist/nginx/nginx.conf, and the program that it asks for
// the home of each login.
type nginx struct {
	addr string
	log  string
	cert servercert
}

// startNginx starts nginx on an address. homes has a line for each domain: dist/nginx/auth.py.
func startNginx(t testing.TB, s *site, ip, homes string) *nginx {
	t.Helper()
	require.File(t, "/usr/lib/nginx/modules/ngx_mail_module.so")
	python := require.Program(t, "python3")
	dir := filepath.Join(s.dir, "nginx")
	n := &nginx{log: filepath.Join(dir, "error.log"), addr: freeAddress(t, ip), cert: s.certify(t, s.owner)}
	for _, sub := range []string{"", "/lib", "/logs"} {
		if err := os.MkdirAll(dir+sub, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fronts := filepath.Join(dir, "fronts")
	if err := os.WriteFile(fronts, []byte(homes), 0o644); err != nil {
		t.Fatal(err)
	}
	auth := freeAddress(t, "127.0.0.1")
	_, port, _ := strings.Cut(auth, ":")
	startOther(t, exec.Command(python, "../../dist/nginx/auth.py", port, fronts), filepath.Join(dir, "auth.log"))
	config := filepath.Join(dir, "nginx.conf")
	text := example(t, "nginx/nginx.conf",
		change{"modules/ngx", "/usr/lib/nginx/modules/ngx"},
		change{"/var/log/nginx/error.log", n.log},
		change{"/run/nginx.pid", dir + "/pid"},
		change{"worker_processes auto", "daemon off;\nworker_processes 1"},
		change{"rlimit_nofile 41000", "rlimit_nofile 1000"},
		change{"worker_connections 20000", "worker_connections 200"},
		change{"127.0.0.1:9143", auth},
		change{"listen 366", "listen " + n.addr},
		change{"/etc/nginx/mail.example.net.pem", n.cert.file},
		change{"/etc/nginx/mail.example.net.key", n.cert.file})
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	startOther(t, exec.Command(require.Program(t, "nginx"), "-p", dir, "-c", config), filepath.Join(dir, "stderr"))
	for _, addr := range []string{auth, n.addr} {
		eventually(t, time.Minute, "somebody listens at "+addr, func() bool { return isOpen(addr) })
	}
	return n
}

// isOpen reports if somebody listens at an address.
func isOpen(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// behindNginx starts a front of the site in a namespace, which takes PLAIN from nginx alone.
func (s *site) behindNginx(t testing.TB) *namespaceFront {
	t.Helper()
	s.checkpw = []string{program(t, "vodmr-checkpw"), s.vpasswd(t, s.owner)}
	return s.startInNamespace(t, func(f *site, balancer string) {
		f.vodmrFlags = []string{"-T", "-P", balancer}
		proxied(t)(f, balancer)
	})
}

// Two customers have their homes at fronts with folders of their own. nginx finds the home
// by the login, logs in there by PLAIN, and then only passes bytes: ATRN and the turn go
// through.
func TestNginxFindsTheHomeOfEachLogin(t *testing.T) {
	t.Parallel()
	sites := []*site{newSite(t).standing("VODMR_NOOP=1"), newSiteOf(t, "example.net").standing("VODMR_NOOP=1")}
	customer := newFarHost(t)
	var fronts []*namespaceFront
	homes := ""
	for _, s := range sites {
		f := s.behindNginx(t)
		fronts = append(fronts, f)
		homes += s.domain + " " + f.farAddr + " " + f.port + "\n"
	}
	n := startNginx(t, sites[0], customer.nearAddr, homes)
	for i, s := range sites {
		s.trust = []string{"-F", n.cert.sha256}
		s.deliverVariety(t)
		b := &balanced{site: s, customer: customer, fronts: fronts[i : i+1], balancer: &haproxy{addr: n.addr, log: n.log}}
		inbox := filepath.Join(t.TempDir(), "Maildir")
		said := b.startStanding(t, inbox)
		time.Sleep(3 * time.Second) // some NOOPs
		s.deliver(t, "ann@sender.test", "while the session stands\n", "bob@"+s.domain)
		eventually(t, time.Minute, "all is sent", func() bool { return len(s.waiting(t)) == 0 })
		fronts[i].drain(t)
		eventually(t, time.Minute, "the session ends", func() bool { return len(fronts[i].lines(t, " end messages=")) > 0 })
		onceEach(t, s, inbox)
		b.checkAddresses(t, true)
		if t.Failed() {
			showLog(t, said)
			showLog(t, n.log)
		}
	}
}

// A wrong password is the front's word, and a login without a home is nginx's own.
func TestNginxPassesARefusalOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := s.behindNginx(t)
	customer := newFarHost(t)
	n := startNginx(t, s, customer.nearAddr, s.domain+" "+f.farAddr+" "+f.port+"\n")
	s.trust = []string{"-F", n.cert.sha256}
	s.owner.write(t, s.passfile, "wrong\n", 0o644)
	b := &balanced{site: s, customer: customer, fronts: []*namespaceFront{f}, balancer: &haproxy{addr: n.addr, log: n.log}}
	const refused = 77
	for _, login := range []string{s.login, "odmr@nowhere.example"} {
		s.login = login
		code, output := run(t, sessionLimit, b.atrn(t, "-m", filepath.Join(t.TempDir(), "Maildir")))
		if code != refused || !strings.Contains(output, "535 5.7.8 login or password refused") {
			t.Errorf("%s: atrn exits %d: %s", login, code, output)
			showLog(t, n.log)
		}
	}
}
