package check

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"vodmr/smtp"
)

const (
	noListener kind = "wrong | has nobody who listens | start the service, and look at its log"
	noGreeting kind = "wrong | takes a connection and does not greet | look at the service's log; tcp.cdb may be missing or deny this address"
	notVodmr   kind = "wrong | is answered by something else | stop what has the port, or choose another one with -p"
	noAuth     kind = "wrong | offers no login | look at how vodmr is run: nobody can log in"
	noStartTLS kind = "wrong | offers no STARTTLS, though the run script says -s | look at the service's log: the certificate cannot be used"
	noTLS      kind = "wrong | does not speak TLS, though the run script has vodmr-tls | look at the service's log: the certificate cannot be used, or something else has the port"
	otherHost  kind = "doubtful | greets with another name than the run script has | restart the service; or something else has the port"
)

// checkPort connects as a customer would, sends EHLO and QUIT, and looks at the replies.
func checkPort(s *site, r *report) {
	host := s.service.tcp.host
	if host == "" || host == "0" || host == "0.0.0.0" {
		host = "127.0.0.1"
	}
	address := net.JoinHostPort(host, strconv.Itoa(s.Port))
	subject := "port " + strconv.Itoa(s.Port)
	conn, err := net.DialTimeout("tcp", address, s.waitIO)
	if r.failed(err, subject, noListener) {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(4 * s.waitIO))
	stream := io.ReadWriter(conn)
	if s.service.tls.found && !s.service.tls.starttls {
		wrapped := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // the certificate is checked elsewhere
		if err := wrapped.Handshake(); r.failed(err, subject, noTLS) {
			return
		}
		stream = wrapped
	}
	converse(s, r, subject, stream)
}

// converse hears the greeting and EHLO's reply.
func converse(s *site, r *report, subject string, stream io.ReadWriter) {
	d := &conversation{stream: stream}
	greeting, err := d.hear()
	if err != nil {
		r.say(subject, noGreeting, err.Error()+s.listener())
		return
	}
	ehlo, err := d.say("EHLO vodmr-check.invalid")
	if err == nil {
		_, _ = d.say("QUIT")
	}
	judge(s, r, subject, greeting, ehlo, err)
}

func judge(s *site, r *report, subject string, greeting, ehlo smtp.Reply, err error) {
	words := map[string]bool{}
	for _, line := range ehlo.Lines {
		keyword, _, _ := strings.Cut(line, " ")
		words[strings.ToUpper(keyword)] = true
	}
	name, _, _ := strings.Cut(strings.Join(greeting.Lines, " "), " ")
	switch {
	case greeting.Code != 220 || err != nil || !words["ATRN"]:
		r.say(subject, notVodmr, greeting.String()+s.listener())
	case s.service.tls.starttls && !words["STARTTLS"]:
		r.say(subject, noStartTLS, "")
	case !words["AUTH"] && !(s.service.vodmr.needTLS && words["STARTTLS"]):
		r.say(subject, noAuth, "")
	case s.host != "" && !strings.EqualFold(name, s.host):
		r.say(subject, otherHost, name+", not "+s.host)
	default:
		r.ok(subject, "answers as "+name+s.listener())
	}
}

const noWayOut kind = "wrong | cannot be reached by SMTP from here, so this host may not be able to send bounces | ask the hoster to open port 25 outward, give the mail server a smarthost, or set VODMR_BOUNCE=customer; try another host too"

// checkOutward tries the port 25 of another host. Several hosters close it. Nothing is tried
// unless the host was named: a connection out of the blue looks like an attack.
func checkOutward(s *site, r *report) {
	if s.Out25 == "" {
		return
	}
	target := net.JoinHostPort(strings.Trim(s.Out25, "[]"), strconv.Itoa(s.smtp))
	conn, err := net.DialTimeout("tcp", target, s.waitIO)
	if r.failed(err, target, noWayOut) {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * s.waitIO)) // servers let strangers wait for the greeting
	greeting, err := greet(conn)
	if r.failed(err, target, noWayOut) {
		return
	}
	r.ok(target, "was reached, and says "+fmt.Sprint(greeting))
}
