package logformat

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

// TestCheckLog: a line that begins with the name of one of our programs passes only
// if it is a log line or stands before the usage of that program.
func TestCheckLog(t *testing.T) {
	for _, test := range []struct {
		log  string
		good bool
	}{
		{"", true},
		{"tcpserver: pid 17 from 192.0.2.1\n", true},
		{"usage: vodmr-checkpw FILE PROG ARG...\n", true},
		{"vodmr: HOST and PROG are needed\nusage: vodmr HOST\n       vodmr -h\nsee vodmr(8)\n", true},
		{"vodmr: HOST and PROG are needed\n", false},
		{"vodmr: HOST and PROG are needed\nusage: vodmr-tls PROG\n", false},
		{"vodmr:HOST and PROG are needed\nusage: vodmr HOST\n", false},
		{"vodmr: 17 tea\n", false},
		{"tcpserver: ok\nvodmr: 17 tea\n", false},
		{"vodmr-tls: cannot do it\n", false},
		{"vodmr-relay: something free\n", false},
		{"vodmr-relay:17 tea\n", false},
		{"vodmr-relay is gone\n", false},
		{"vodmr-relay: seventeen error error=gone\n", false},
		{"vodmr-relay: 17 error error=gone\n", true},
		{"vodmr-relay: 17 error error=gone", false},
		{"vodmr-expire: odmr@a.example skip file=new/1 reason=gone\n", true},
		{"vodmr-expire: /m/x skip file=new/1\n", false},
		{"vodmr-qread: odmr error error=gone\n", true},
		{"vodmr-qread: odmr skip file=new/1 reason=gone\n", false},
		{"vodmr-relay: 17 end reason=quit\n", false},
	} {
		if wrong := Load(t).CheckLog(test.log); (wrong == nil) != test.good {
			t.Errorf("%q: %v", test.log, wrong)
		}
	}
}

func TestFell(t *testing.T) {
	if !fell("panic: runtime error\n") || fell("vodmr: 17 end ip=::1 reason=\"panic: \"\n") {
		t.Error("not told apart")
	}
}

func TestUnstamped(t *testing.T) {
	const want = "vodmr: 17 end ip=\"\" reason=quit\n"
	for _, kept := range []string{"@400000006921d3a50f2c1a5c " + want, "2026-11-22_21:20:13.12345 " + want, want} {
		if got := unstamped(kept + kept); got != want+want {
			t.Errorf("%q: %q", kept, got)
		}
	}
}
