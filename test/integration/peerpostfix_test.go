package integration

import (
	"strings"
	"testing"
)

// endsHeader is a message with the first line of Received for its header, as the next
// line is none of a header: most servers then put the missing empty line between them.
var endsHeader = exception{
	why:   "the line behind the first is none of a header, so the header ends there",
	keeps: func(content string) string { return strings.Replace(content, received, received+"\n", 1) },
}

var noBody = exception{
	why:   "an empty line ends the header, though there is no body",
	keeps: func(content string) string { return content + "\n" },
}

var postfixPeer = &peer{
	name:       "Postfix",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader},
	start: func(t *testing.T, domain string) *running {
		r := &running{dir: publicDir(t)}
		access := r.file(t, "access.regexp", "/^refused/ 550 5.1.1 nobody has that address\n/^deferred/ 450 4.2.1 not today\n", 0o644)
		mx := startPostfix(t, domain, "smtpd_sender_restrictions = check_recipient_access regexp:"+access,
			// Else it completes headers of what comes from its own host, as atrn does.
			"local_header_rewrite_clients =")
		r.port, r.kept = mx.port, mx.mailbox()
		r.idle = func() bool { return mx.idle() }
		return r
	},
}
