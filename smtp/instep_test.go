package smtp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// answered are the deciding codes of a list's transactions, in their order; 0 for none.
func answered(l *list, all []*Transaction) string {
	var codes []string
	for _, tx := range all {
		code := 0
		if d := l.decisions[tx]; len(d) > 0 {
			code = d[0].Reply.Code
		}
		codes = append(codes, fmt.Sprint(code))
	}
	return strings.Join(codes, " ")
}

// TestFence: from the first reply that cannot be the one to its command on, nothing is
// believed, in whatever mode and whatever it says.
func TestFence(t *testing.T) {
	const ok = "250 ok\r\n"
	bdat, data := []string{"PIPELINING", "CHUNKING"}, []string{"PIPELINING"}
	for name, test := range map[string]struct {
		offer []string
		says  []string
		want  string // codes of the three messages
	}{
		"in step":                     {bdat, []string{strings.Repeat(ok, 12)}, "250 250 250"},
		"RSET refused":                {bdat, []string{ok + ok + ok + "500 what\r\n" + strings.Repeat(ok, 7)}, "0 0 0"},
		"RSET deferred":               {bdat, []string{ok + ok + ok + "451 later\r\n" + strings.Repeat(ok, 7)}, "0 0 0"},
		"a refusal twice":             {bdat, []string{ok + ok + "552 big\r\n552 big\r\n" + strings.Repeat(ok, 8)}, "0 0 0"},
		"a shift by one":              {bdat, []string{strings.Repeat("250 2.0.0 extra\r\n250 2.1.0 from\r\n250 2.1.5 to\r\n", 3)}, "0 0 0"},
		"a shift by two":              {bdat, []string{ok + ok + "250 2.1.0 from\r\n" + strings.Repeat(ok, 8)}, "0 0 0"},
		"content's code to RSET":      {bdat, []string{ok + ok + ok + "250 2.6.0 queued\r\n" + strings.Repeat(ok, 7)}, "0 0 0"},
		"content's code to MAIL":      {bdat, []string{ok + ok + ok + ok + "250 2.6.0 queued\r\n" + strings.Repeat(ok, 6)}, "250 0 0"},
		"content's code to RCPT":      {bdat, []string{ok + "250 2.6.0 queued\r\n" + strings.Repeat(ok, 9)}, "0 0 0"},
		"354 to RSET":                 {bdat, []string{ok + ok + ok + "354 go\r\n" + strings.Repeat(ok, 7)}, "0 0 0"},
		"twice, then a refusal":       {bdat, []string{strings.Repeat(ok, 7) + "451 later\r\n" + ok}, "250 0 0"},
		"DATA: in step":               {data, []string{ok + ok + "354 go\r\n", ok + ok + ok + ok + "354 go\r\n", ok + ok + ok + ok + "354 go\r\n", ok + ok}, "250 250 250"},
		"DATA: RSET refused":          {data, []string{ok + ok + "354 go\r\n", ok + "503 no\r\n" + ok + ok + "354 go\r\n"}, "0 0 0"},
		"DATA: twice":                 {data, []string{ok + ok + "354 go\r\n", ok + ok + ok + ok + ok + "354 go\r\n"}, "250 0 0"},
		"DATA: a refusal twice":       {data, []string{ok + ok + "354 go\r\n", "554 no\r\n554 no\r\n" + ok + ok + ok + "354 go\r\n"}, "0 0 0"},
		"DATA: RCPT's code":           {data, []string{ok + ok + "354 go\r\n", "250 2.1.5 to\r\n"}, "0 0 0"},
		"DATA: 354 without RCPT":      {data, []string{ok + "550 no\r\n354 go\r\n", ok + "421 bye\r\n"}, "550 0 0"},
		"DATA: 354 without MAIL":      {data, []string{"550 no\r\n503 no\r\n354 go\r\n", ok + "421 bye\r\n"}, "550 0 0"},
		"lock step: twice":            {nil, []string{ok, ok, "354 go\r\n", ok + ok}, "250 0 0"},
		"lock step: RCPT's code":      {nil, []string{ok, ok, "354 go\r\n", "250 2.1.5 to\r\n"}, "0 0 0"},
		"lock step: twice, 2 packets": {nil, []string{ok, ok, "354 go\r\n", ok, ok, ok, ok}, "250 0 0"},
	} {
		p := &scripted{says: test.says}
		s := offers(p, test.offer...)
		l := newList(3, 1, 10)
		all := append([]*Transaction(nil), l.waiting...)
		err := s.Run(l)
		if got := answered(l, all); got != test.want || (err == nil) != strings.HasSuffix(name, "in step") {
			t.Errorf("%s: believed %s, want %s; %v", name, got, test.want, err)
		}
	}
}

// TestLooseCodes: the codes that real servers give raise no alarm.
func TestLooseCodes(t *testing.T) {
	for name, says := range map[string]string{
		"Postfix":  "2.1.0 Ok|2.1.5 Ok|2.0.0 Ok: queued as 4F2|2.0.0 Ok",
		"Exim":     "OK|Accepted|OK id=1tF|Reset OK",
		"Exchange": "2.1.0 Sender OK|2.1.5 Recipient OK|2.6.0 <a@b> Queued mail for delivery|2.0.0 Resetting",
		"mox":      "2.1.0 looking good|2.1.0 now on the list|2.2.0 it is done|2.0.0 all clear",
		"Sun":      "2.5.0 Address Ok.|2.1.5 r@c.test OK.|2.5.0 Ok.|2.5.0 Ok.",
		"Gmail":    "2.1.0 OK 12-a|2.1.5 OK 12-a|2.0.0 OK 1795 12-a|2.1.5 Flushed 12-a",
	} {
		r := strings.Split(says, "|")
		first := "250 " + strings.Join(r[:3], "\r\n250 ") + "\r\n"
		p := &scripted{says: []string{strings.Repeat(first+"250 "+r[3]+"\r\n", 3)}}
		s, l := offers(p, "PIPELINING", "CHUNKING"), newList(3, 1, 10)
		if err := s.Run(l); err != nil || len(l.decisions) != 3 || s.Peer.Evidence != Drains {
			t.Errorf("%s: %v, %d answered", name, err, len(l.decisions))
		}
	}
}

// TestFalseAlarmOnce: a server that answers content with a recipient's code costs one
// session. The next one is in lock step without extensions, and there codes prove nothing.
func TestFalseAlarmOnce(t *testing.T) {
	const ok, strange = "250 2.0.0 ok\r\n", "250 2.1.5 taken\r\n"
	s, l := offers(&scripted{says: []string{ok + ok + strange}}, "PIPELINING", "CHUNKING"), newList(1, 1, 10)
	if err := s.Run(l); !errors.Is(err, ErrOutOfStep) || s.Peer.Evidence != OutOfStep {
		t.Errorf("at first: %v, known as %d", err, s.Peer.Evidence)
	}
	p := &scripted{says: []string{ok, ok, "354 go\r\n", strange}}
	next := offers(p, "PIPELINING", "CHUNKING", "SIZE 1000")
	next.Peer.Evidence, l = s.Peer.Evidence, newList(1, 1, 10)
	if err := next.Run(l); err != nil || len(l.decisions) != 1 || strings.Contains(p.written.String(), "SIZE=") {
		t.Errorf("then: %v, %d answered; it was told %q", err, len(l.decisions), p.written.String())
	}
	ignored := offers(&scripted{says: []string{ok + ok + strange + ok}}, "PIPELINING", "CHUNKING")
	ignored.Peer.Extensions.Ignore("ENHANCEDSTATUSCODES")
	if err := ignored.Run(newList(1, 1, 10)); err != nil {
		t.Errorf("with codes ignored: %v", err)
	}
}

// TestSecondChunkWaits: of a message in chunks the first alone goes ahead of a
// recipient's acceptance, and nothing behind it if there is none.
func TestSecondChunkWaits(t *testing.T) {
	const ok = "250 ok\r\n"
	for name, test := range map[string]struct {
		says   []string
		chunks []int // announced before each wait
		want   string
	}{
		"accepted": {[]string{ok, ok, ok + ok + ok + ok}, []int{1, 1, 3}, "250"},
		"refused":  {[]string{ok, "550 no\r\n", "503 no\r\n", ok}, []int{1, 1, 1}, "550"},
		"deferred": {[]string{ok + "450 no\r\n503 no\r\n", ok}, []int{1}, "450"},
	} {
		w := &watched{scripted: &scripted{says: test.says}}
		s := offers(w.scripted, "PIPELINING", "CHUNKING")
		s.link.conn = w
		l := newList(1, 1, 10)
		all := append([]*Transaction(nil), l.waiting...)
		all[0].Body, all[0].Stream, all[0].Size = nil, strings.NewReader(strings.Repeat("x\n", 900<<10)), 3<<20
		err := s.Run(l)
		for i, chunks := range test.chunks {
			if i >= len(w.rests) || strings.Count(w.rests[i], "BDAT ") != chunks {
				t.Errorf("%s: wait %d: %d BDATs in all", name, i, strings.Count(w.rests[min(i, len(w.rests)-1)], "BDAT "))
			}
		}
		if got := answered(l, all); got != test.want || err != nil {
			t.Errorf("%s: answered %s, want %s; %v", name, got, test.want, err)
		}
	}
}
