package logform

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 800)
	for _, test := range []struct {
		line string
		good bool
	}{
		{"vodmr: 17 login user=a@b mechanism=PLAIN ip=192.0.2.1\n", true},
		{"vodmr: 17 login user=a@b mechanism=PLAIN\n", false},
		{"vodmr: 17 login mechanism=PLAIN user=a@b ip=192.0.2.1\n", false},
		{"vodmr: 17 login user=a@b mechanism=PLAIN ip=192.0.2.1 more=1\n", false},
		{"vodmr: 17 logout ip=192.0.2.1\n", false},
		{"vodmr: 17 login user=a@b mechanism=PLAIN ip=192.0.2.1", false},
		{"vodmr: 17 login user=a b mechanism=PLAIN ip=192.0.2.1\n", false},
		{"vodmr-relay: 17 error file=new/1 error=gone\n", true},
		{"vodmr-relay: 17 error error=gone file=new/1\n", false},
		{"vodmr-checkpw: 17 error error=\"vpasswd: line 4: 1 fields, want 8: skipped\"\n", true},
		{"vodmr-checkpw: 17 error reason=gone\n", false},
		{"vodmr-checkpw: vpasswd: line 4: 1 fields, want 8: skipped\n", false},
		{`vodmr-relay: 17 success file=new/1 from=<> to=<a@b> bytes=3 reply="250 ok"` + "\n", true},
		{`vodmr-relay: 17 success file=new/1 from=a@b to=<a@b> bytes=3 reply="250 ok"` + "\n", false},
		{`vodmr-relay: 17 success file=new/1 from=<> to=<a@b> bytes=many reply="250 ok"` + "\n", false},
		{"vodmr-relay: 17 success file=new/1 from=<> to=<" + long + ">\n", false},
		{"vodmr-relay: 17 success file=new/1" + long + " from=<> to=<b@c> bytes=1\n", true},
		{"vodmr-relay: 17 error error=" + long + long + "\n", false},
	} {
		if err := Load(t).Check(test.line); (err == nil) != test.good {
			t.Errorf("%.120q: %v", test.line, err)
		}
	}
}

func TestCheckOurs(t *testing.T) {
	for _, test := range []struct {
		line string
		good bool
	}{
		{"tcpserver: pid 17 from 192.0.2.1\n", true},
		{"vodmr: usage: vodmr HOST\n", true},
		{"vodmr: 17 tea\n", false},
		{"panic: runtime error\n", false},
		{"vodmr-relay: 17 end reason=quit\n", false},
	} {
		if err := Load(t).checkOurs(test.line); (err == nil) != test.good {
			t.Errorf("%q: %v", test.line, err)
		}
	}
}
