package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

var copied = regexp.MustCompile(`(?m)^COPY (\S+) (\S+)$`)

// image makes the files of the image's root folder, as its recipe says.
func image(t *testing.T) (dir, recipe string) {
	t.Helper()
	source, to := built(t), t.TempDir()
	must(t, source, "make", "oci")
	text, err := os.ReadFile("../../dist/oci/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range copied.FindAllStringSubmatch(string(text), -1) {
		must(t, source, "install", "-D", filepath.Join("bin/oci", m[1]), filepath.Join(to, m[2]))
	}
	return to, string(text)
}

// The image holds atrn, the certificates and the notices, and is small.
func TestImage(t *testing.T) {
	dir, recipe := image(t)
	want := []string{"-rwxr-xr-x NOTICES", "-rwxr-xr-x atrn", "-rwxr-xr-x etc/ssl/certs/ca-certificates.crt"}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("-wanted, +in the image:\n%s", diff)
	}
	size := 0
	for _, line := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, strings.Fields(line)[1]))
		if err != nil {
			t.Fatal(err)
		}
		size += int(info.Size())
	}
	t.Logf("%.1f MB", float64(size)/1e6)
	if size > 8e6 {
		t.Errorf("%d bytes", size)
	}
	if !strings.Contains(recipe, "\nFROM scratch\n") || !strings.Contains(recipe, "\nUSER 65534:65534\n") {
		t.Error("the recipe begins with another image, or runs as root")
	}
}

// atrn runs with nothing around it but the image's files, as the recipe's user.
func TestImageRuns(t *testing.T) {
	require.Root(t, "only root can change the root folder")
	dir, _ := image(t)
	for path := dir; path != "/" && path != os.TempDir(); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := func(argv ...string) string {
		cmd := exec.Command("/atrn", argv...)
		cmd.Path, cmd.Env = "/atrn", []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := in("-V"); !strings.HasPrefix(out, "atrn ") {
		t.Errorf("-V: %q", out)
	}
	write := func(mode os.FileMode, uid int) {
		path := filepath.Join(dir, "invitation")
		if err := os.WriteFile(path, []byte("atrn://a%40example.org:secret@127.0.0.1:1/?domain=example.org\n"), mode); err != nil {
			t.Fatal(err)
		}
		if os.Chmod(path, mode) != nil || os.Chown(path, uid, uid) != nil {
			t.Fatal("no rights")
		}
	}
	write(0o600, 65534)
	if out := in("-f", "/invitation", "-s", "127.0.0.1:2"); !strings.Contains(out, "refused") || strings.Contains(out, "secret") {
		t.Errorf("a provider that is not there: %q", out)
	}
	write(0o644, 65534)
	if out := in("-f", "/invitation", "-s", "127.0.0.1:2"); !strings.Contains(out, "chmod 600") {
		t.Errorf("an invitation that others can read: %q", out)
	}
}
