package check

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const noWayOut kind = "wrong | cannot be reached by SMTP from here, so this host may not be able to send bounces | ask the hoster to open port 25 outward, give the mail server a smarthost, or set VODMR_BOUNCE=customer; try another host too"

// checkOutward tries the port 25 of another host. Several hosters close it. Nothing is tried
// unless the host was named: a connection out of the blue looks like an attack.
func checkOutward(s *site, r *report) {
	if s.Out25 == "" {
		return
	}
	target := net.JoinHostPort(strings.Trim(s.Out25, "[]"), strconv.Itoa(s.smtp))
	conn, err := net.DialTimeout("tcp", target, s.waitIO)
	if err != nil {
		r.say(target, noWayOut, err.Error())
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * s.waitIO)) // servers let strangers wait for the greeting
	greeting, err := greet(conn)
	if err != nil {
		r.say(target, noWayOut, err.Error())
		return
	}
	r.ok(target, "was reached, and says "+fmt.Sprint(greeting))
}
