package tlswrap

import (
	"os"
	"syscall"

	"vodmr/internal/child"
	"vodmr/internal/confine"
)

// start runs argv[0], looked for in PATH, with these descriptors and no others.
func start(argv, environ []string, files []uintptr, as *confine.User) (*child.Child, error) {
	path, err := child.LookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	return startPath(path, argv, environ, files, as)
}

func startPath(path string, argv, environ []string, files []uintptr, as *confine.User) (*child.Child, error) {
	return child.Start(path, argv, &syscall.ProcAttr{
		Env:   environ,
		Files: files,
		Sys:   &syscall.SysProcAttr{Credential: as.Credential()},
	})
}
