package check

import (
	"os"
	"strings"
	"testing"

	"vodmr/internal/sys"
	"vodmr/test/kit/slowfs"
)

// TestNetwork: a Maildir on a file system of other hosts is well if it can be locked there;
// the line says what VODMR_LOOK means. The file that was locked is gone.
func TestNetwork(t *testing.T) {
	for name, test := range map[string]struct{ rule, want string }{
		"usual":      {"", "looks every 15 seconds (VODMR_LOOK)"},
		"VODMR_LOOK": {`,VODMR_LOOK="5"`, "looks every 5 seconds (VODMR_LOOK)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			s.made("rules", login+":allow"+test.rule+"\n:deny\n")
			dir, source := s.path(domain+"odmr/Maildir"), s.path("shared")
			s.must(os.Rename(dir, source))
			s.must(os.Mkdir(dir, 0o700))
			slowfs.At(t, source, dir, slowfs.Speed{})
			tried := ""
			s.system.disk, s.system.lock = sys.DiskAt, func(tmp string) error {
				tried = tmp
				return tryLock(tmp)
			}
			wrong := s.look()
			if out := s.out.String(); !strings.Contains(out, "Maildir: is on a network file system, FUSE: a standing session "+test.want) || tried != dir+"/tmp" {
				t.Errorf("%q\n%s", wrong, out)
			}
			left, err := os.ReadDir(source + "/tmp")
			if err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
