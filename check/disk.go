package check

import "fmt"

const (
	diskFull   kind = "wrong | its disk is full | make room: qmail defers all mail and bounces cannot be queued"
	diskTight  kind = "doubtful | its disk is nearly full | make room before mail is deferred"
	inodesFull kind = "wrong | its disk has no room for more files | remove files: qmail defers all mail, and each message is a file"
)

const (
	leastFree = 16 << 20 // bytes
	tightPart = 20       // a twentieth
)

// checkDisk looks at the file system that holds path.
func checkDisk(s *site, r *report, path string) {
	if _, err := stat(path); err != nil {
		return
	}
	found, err := s.disk(path)
	switch {
	case err != nil:
		r.say(path, cannotSee, "its disk: "+err.Error())
	case found.Free < leastFree:
		r.say(path, diskFull, fmt.Sprintf("%d bytes are free", found.Free))
	case found.Files > 0 && found.Unused < found.Files/1000+1:
		r.say(path, inodesFull, fmt.Sprintf("%d inodes are free", found.Unused))
	case found.Free < found.Size/tightPart:
		r.say(path, diskTight, fmt.Sprintf("%d MB are free", found.Free>>20))
	default:
		r.ok(path, fmt.Sprintf("%d MB are free on its disk", found.Free>>20))
	}
}

func diskKinds() []kind { return []kind{diskFull, diskTight, inodesFull} }
