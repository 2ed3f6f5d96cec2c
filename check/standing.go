package check

import (
	"fmt"
	"path/filepath"
	"strings"

	"vodmr/qmail"
)

const (
	fewWatches kind = "doubtful | is less than standing sessions may need | raise fs.inotify.max_user_instances with sysctl; until then new mail is looked for with each NOOP"
	fewSlots   kind = "doubtful | lets in no more customers than may stay for good | raise tcpserver's -c: standing sessions keep all others out"
)

// checkStanding looks if there is room for the standing sessions: each takes one of
// tcpserver's connections and one of its user's inotify instances.
func checkStanding(s *site, r *report) {
	standing, others := s.standing()
	slots := s.service.tcp.slots
	r.sayIf(s.service.tcp.found && slots <= standing, s.Dir+"/run", fewSlots,
		fmt.Sprintf("-c%d, and VODMR_IDLE for %d logins", slots, standing))
	path := filepath.Join(s.proc, "sys/fs/inotify/max_user_instances")
	text, err := readProc(path)
	if err != nil || standing == 0 && !others {
		return
	}
	enough := max(standing, 1)
	if others {
		enough = max(slots, enough)
	}
	most := number(strings.TrimSpace(text), 0)
	r.sayIf(most < enough, path, fewWatches, fmt.Sprintf("%d for %d", most, enough))
}

// standing counts the logins that may have a standing session by a line of their own, and
// reports if other logins may, too.
func (s *site) standing() (logins int, others bool) {
	outside := isSet(s.service.env["VODMR_IDLE"])
	if s.rules == nil {
		return 0, outside
	}
	_ = s.rules.Each(func(key string, rule qmail.Rule) {
		idle, said := rule.Env["VODMR_IDLE"]
		if rule.Deny || !isSet(idle) && !(outside && (!said || idle == "")) {
			return
		}
		if key == "" || key[0] == '@' {
			others = true
		} else {
			logins++
		}
	})
	return logins, others
}

func isSet(value string) bool { return value != "" && value != "0" }
