package fetch

import (
	"net"
	"strings"
	"testing"
	"time"
)

// A provider that repeats the password of a login by PLAIN does not bring it into a log.
func TestRepeatedPassword(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		buf := make([]byte, 1000)
		_, _ = there.Read(buf)
		_, _ = there.Write([]byte("535 5.7.8 not tanstaaf, but\r\n"))
	}()
	var said strings.Builder
	d := &conversation{conn: here, timings: Timings{Reply: time.Minute}, dialogue: func(line string) { said.WriteString(line + "\n") }}
	err := d.plain(Login{"u", "tanstaaf"})
	if err == nil || strings.Contains(err.Error()+said.String(), "tanstaaf") || !strings.Contains(said.String(), "not ********, but") {
		t.Errorf("%v\n%s", err, said.String())
	}
}
