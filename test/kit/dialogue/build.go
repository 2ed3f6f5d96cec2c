package dialogue

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Main does the work of a TestMain and returns its exit code. It builds Go packages
// of this module into a folder, stores its path in bin, runs the tests, and removes
// it. Every user may enter the folder, because some programs run as another user than
// the tests.
func Main(m *testing.M, bin *string, packages ...string) int {
	folder, err := os.MkdirTemp("", "vodmr-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	*bin = folder
	if err = os.Chmod(folder, 0o755); err == nil {
		err = Build(folder, packages...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build builds Go packages of this module into a folder, without C, as `make' does: a
// program that is linked with C cannot give up all its rights.
func Build(folder string, packages ...string) error {
	args := append([]string{"build", "-o", folder + "/"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
