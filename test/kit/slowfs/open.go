package slowfs

import (
	"os"
	"path/filepath"
)

// Open makes the folders slow-source and slow below dir, which every user may write to, and
// shows the first at the second. program is as Start has it.
func Open(program, dir string, s Speed) (p *Process, source, seen string, err error) {
	source, seen = filepath.Join(dir, "slow-source"), filepath.Join(dir, "slow")
	for _, folder := range []string{source, seen} {
		if err := os.Mkdir(folder, 0o777); err != nil {
			return nil, "", "", err
		}
		if err := os.Chmod(folder, 0o777); err != nil { // whatever the umask is
			return nil, "", "", err
		}
	}
	p, err = Start(program, source, seen, s)
	return p, source, seen, err
}
