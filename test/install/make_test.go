package install

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/version"
	"vodmr/test/kit/require"
)

// source is a copy of the source tree in which make has built everything.
var source = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vodmr-packaging")
	if err != nil {
		return "", err
	}
	// .git is not copied: an unpacked archive has none either.
	if _, err := run("../..", "sh", "-c", `tar cf - --exclude ./.git --exclude ./bin . | tar xf - -C "$1"`, "sh", dir); err != nil {
		return dir, err
	}
	_, err = run(dir, "make")
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := source(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// run runs a command in a folder and returns what it printed.
func run(dir string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = &commandError{strings.Join(argv, " "), string(out), err}
	}
	return string(out), err
}

// A commandError is a command that failed.
type commandError struct {
	command, out string
	err          error
}

func (e *commandError) Error() string { return e.command + ": " + e.err.Error() + "\n" + e.out }

// built is the source tree with the programs in its bin.
func built(t *testing.T) string {
	t.Helper()
	require.Program(t, "make")
	require.Program(t, "install")
	dir, err := source()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// must runs a command that must succeed.
func must(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	out, err := run(dir, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// files lists the files below a folder, with their modes.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			name, _ := filepath.Rel(dir, path)
			list = append(list, info.Mode().String()+" "+name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// wanted lists the files that make installs below PREFIX.
func wanted(t *testing.T) []string {
	t.Helper()
	var list []string
	add := func(mode, pattern string, place func(name string) string) {
		found, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: found nothing, %v", pattern, err)
		}
		for _, path := range found {
			list = append(list, mode+" "+place(filepath.Base(path)))
		}
	}
	add("-rwxr-xr-x", "cmd/*", func(name string) string { return "bin/" + name })
	add("-rw-r--r--", "man/*.[1-9]", func(name string) string {
		return "share/man/man" + filepath.Ext(name)[1:] + "/" + name
	})
	for _, doc := range []string{"README.md", "ANNOUNCEMENT", "INSTALL", "FAQ", "SWITCHING", "INTERNALS", "STANDING", "CHANGES", "TODO", "LICENSE"} {
		list = append(list, "-rw-r--r-- share/doc/vodmr/"+doc)
	}
	for _, dir := range []string{"systemd", "freebsd", "freebsd/files", "fail2ban"} {
		add("-rw-r--r--", "dist/"+dir+"/*[a-z]", func(name string) string {
			return "share/doc/vodmr/examples/" + dir + "/" + name
		})
	}
	list = slices.DeleteFunc(list, func(line string) bool { return strings.HasSuffix(line, "freebsd/files") })
	slices.Sort(list)
	return list
}

func TestMakeInstallAndUninstall(t *testing.T) {
	dir, to := built(t), t.TempDir()
	other := filepath.Join(to, "usr/local/bin/others")
	must(t, dir, "make", "install", "DESTDIR="+to)
	if diff := cmp.Diff(wanted(t), files(t, filepath.Join(to, "usr/local"))); diff != "" {
		t.Errorf("-wanted, +installed:\n%s", diff)
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "make", "uninstall", "DESTDIR="+to)
	if left := files(t, to); len(left) != 1 || !strings.HasSuffix(left[0], "/others") {
		t.Errorf("uninstall left %q", left)
	}
}

func TestMakeInstallTakesAPrefix(t *testing.T) {
	dir, to := built(t), t.TempDir()
	must(t, dir, "make", "install", "PREFIX="+to)
	if diff := cmp.Diff(wanted(t), files(t, to)); diff != "" {
		t.Errorf("-wanted, +installed:\n%s", diff)
	}
	// The installed files name this place.
	if out, err := run(to, "grep", "-rI", "-e", "/usr/local/bin/", "-e", "/usr/local/share", "share"); err == nil {
		t.Errorf("another place is named:\n%s", out)
	}
	for file, name := range map[string]string{
		"doc/vodmr/examples/systemd/vodmr@.service": "/bin/vodmr-relay", "man/man1/atrn.1": "/bin/atrn",
		"doc/vodmr/FAQ": "/share/doc/vodmr/examples/fail2ban",
	} {
		if text, err := os.ReadFile(filepath.Join(to, "share", file)); err != nil || !strings.Contains(string(text), to+name) {
			t.Errorf("%s does not name %s: %v", file, to+name, err)
		}
	}
}

// If the programs have not been built, make install says so and installs nothing.
func TestMakeInstallWantsTheProgramsBuilt(t *testing.T) {
	dir, to := built(t), t.TempDir()
	hidden := filepath.Join(t.TempDir(), "bin")
	if err := os.Rename(filepath.Join(dir, "bin"), hidden); err != nil {
		t.Fatal(err)
	}
	defer os.Rename(hidden, filepath.Join(dir, "bin"))
	out, err := run(dir, "make", "install", "DESTDIR="+to)
	if err == nil || !strings.Contains(out, "run make first") || len(files(t, to)) != 0 {
		t.Errorf("%v, %s, %q", err, out, files(t, to))
	}
}

// The programs need no library, so they run in an empty folder too.
func TestProgramsAreStatic(t *testing.T) {
	dir := built(t)
	out, err := run(dir, "ldd", "bin/vodmr-tls")
	if err == nil || !strings.Contains(out, "not a dynamic executable") {
		t.Errorf("ldd: %v, %s", err, out)
	}
	// This copy has no .git.
	if got := must(t, dir, "bin/vodmr", "-V"); got != version.Line("vodmr") {
		t.Errorf("-V: %q, want %q", got, version.Line("vodmr"))
	}
}

func TestMakeStampsTheCommit(t *testing.T) {
	require.Program(t, "git")
	dir := t.TempDir()
	must(t, dir, "cp", "-R", built(t)+"/.", dir)
	must(t, dir, "sh", "-c", `git init -q . && git add . &&
		git -c user.name=test -c user.email=test@invalid commit -q -m test`)
	must(t, dir, "make")
	commit := strings.TrimSpace(must(t, dir, "git", "rev-parse", "--short=12", "HEAD"))
	if got, want := must(t, dir, "bin/atrn", "-V"), "atrn "+version.Number+" ("+commit+")\n"; got != want {
		t.Errorf("-V: %q, want %q", got, want)
	}
}

// debian is the package that make deb builds.
func debian(t *testing.T) string {
	t.Helper()
	require.Program(t, "dpkg-deb")
	dir := built(t)
	must(t, dir, "make", "deb")
	arch := strings.TrimSpace(must(t, dir, "dpkg", "--print-architecture"))
	return filepath.Join(dir, "bin", "vodmr_"+version.Number+"_"+arch+".deb")
}

func TestDebianPackage(t *testing.T) {
	deb := debian(t)
	listing := must(t, "/", "dpkg-deb", "-c", deb)
	for line := range strings.Lines(listing) {
		if !strings.Contains(line, " root/root ") {
			t.Errorf("not root's: %s", line)
		}
	}
	for _, name := range []string{"./usr/bin/vodmr-relay", "./usr/share/man/man8/vodmr.8.gz", "./usr/share/doc/vodmr/INSTALL",
		"./usr/share/doc/vodmr/examples/systemd/vodmr.socket"} {
		if !strings.Contains(listing, " "+name+"\n") {
			t.Errorf("%s is not in it", name)
		}
	}
}

func TestLintianFindsNothing(t *testing.T) {
	require.Program(t, "lintian")
	out, err := run("/", "lintian", "--allow-root", "--fail-on", "error,warning", debian(t))
	if err != nil || strings.Contains(out, "W: ") || strings.Contains(out, "E: ") {
		t.Errorf("%v\n%s", err, out)
	}
}
