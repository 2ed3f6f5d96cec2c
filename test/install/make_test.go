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
	// What dpkg-deb does by default takes half a minute for each pair of packages.
	_ = os.Setenv("DPKG_DEB_COMPRESSOR_LEVEL", "0")
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

// copySource copies the source tree into a new folder. bin is left out: the packages may
// be built there at the same time.
func copySource(t *testing.T, to string) {
	t.Helper()
	must(t, "/", "sh", "-c", `mkdir -p "$2" && cd "$1" && tar cf - --exclude ./bin . | tar xf - -C "$2"`, "sh", built(t), to)
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

// An end is what one of the two ends installs.
type end struct {
	name     string // as in make install-NAME
	pages    string
	programs func(name string) bool
	docs     []string
	examples []string // below dist
	units    []string
}

func isCustomers(name string) bool { return strings.HasPrefix(name, "atrn") }

var front = end{"front", "man/vodmr*.[1-9]", func(name string) bool { return !isCustomers(name) },
	[]string{"README.md", "ANNOUNCEMENT", "INSTALL", "FAQ", "SECURITY", "SWITCHING", "MACHINES", "INTERNALS", "STANDING", "CHANGES", "TODO", "LICENSE"},
	[]string{"systemd/vodmr.socket", "systemd/vodmr@.service", "freebsd/Makefile", "freebsd/pkg-descr", "freebsd/files/vodmr.in", "fail2ban/vodmr.conf",
		"monitoring/vodmr.rules.yml", "monitoring/vodmr-dashboard.json",
		"haproxy/haproxy.cfg", "nginx/nginx.conf", "nginx/auth.py"},
	[]string{"vodmr.service", "vodmr-expire.service", "vodmr-expire.timer"}}

var atrn = end{"atrn", "man/atrn*.[1-9]", isCustomers,
	[]string{"INSTALL", "FAQ", "SECURITY", "SWITCHING", "CHANGES", "LICENSE"}, []string{"oci/Containerfile", "oci/README"}, []string{"atrn@.service"}}

// folder is the name of the end's package.
func (e end) folder() string {
	if e.name == "atrn" {
		return "atrn"
	}
	return "vodmr"
}

// wanted lists the files that make installs for some ends below PREFIX.
func wanted(t *testing.T, ends ...end) []string {
	t.Helper()
	var list []string
	for _, e := range ends {
		for _, path := range glob(t, "../../cmd/*") {
			if e.programs(filepath.Base(path)) {
				name := filepath.Base(path)
				list = append(list, "-rwxr-xr-x bin/"+name,
					"-rw-r--r-- share/bash-completion/completions/"+name, "-rw-r--r-- share/zsh/site-functions/_"+name)
			}
		}
		for _, path := range glob(t, "../../"+e.pages) {
			list = append(list, "-rw-r--r-- share/man/man"+filepath.Ext(path)[1:]+"/"+filepath.Base(path))
		}
		for _, doc := range e.docs {
			list = append(list, "-rw-r--r-- share/doc/"+e.folder()+"/"+doc)
		}
		for _, example := range e.examples {
			list = append(list, "-rw-r--r-- share/doc/"+e.folder()+"/examples/"+example)
		}
		for _, unit := range e.units {
			list = append(list, "-rw-r--r-- lib/systemd/system/"+unit)
		}
	}
	slices.Sort(list)
	return list
}

// glob lists the files that a pattern matches: some.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: found nothing, %v", pattern, err)
	}
	return found
}

// Each unit is installed, or is an example.
func TestEachUnitHasAPlace(t *testing.T) {
	places := strings.Join(slices.Concat(front.units, front.examples, atrn.units), " ")
	for _, path := range glob(t, "../../dist/systemd/*") {
		if !strings.Contains(places, filepath.Base(path)) {
			t.Errorf("%s is installed nowhere", path)
		}
	}
}

// Each end can be installed alone, and its uninstall leaves the other end alone.
func TestMakeInstallsEachEndAlone(t *testing.T) {
	dir := built(t)
	for _, pair := range [][2]end{{front, atrn}, {atrn, front}} {
		one, other, to := pair[0], pair[1], t.TempDir()
		must(t, dir, "make", "install-"+one.name, "PREFIX="+to)
		if diff := cmp.Diff(wanted(t, one), files(t, to)); diff != "" {
			t.Errorf("install-%s: -wanted, +installed:\n%s", one.name, diff)
		}
		must(t, dir, "make", "install-"+other.name, "PREFIX="+to)
		must(t, dir, "make", "uninstall-"+one.name, "PREFIX="+to)
		if diff := cmp.Diff(wanted(t, other), files(t, to)); diff != "" {
			t.Errorf("uninstall-%s: -wanted, +left:\n%s", one.name, diff)
		}
	}
}

func TestMakeInstallAndUninstall(t *testing.T) {
	dir, to := built(t), t.TempDir()
	other := filepath.Join(to, "usr/local/bin/others")
	must(t, dir, "make", "install", "DESTDIR="+to)
	if diff := cmp.Diff(wanted(t, front, atrn), files(t, filepath.Join(to, "usr/local"))); diff != "" {
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
	if diff := cmp.Diff(wanted(t, front, atrn), files(t, to)); diff != "" {
		t.Errorf("-wanted, +installed:\n%s", diff)
	}
	// The installed files name this place.
	if out, err := run(to, "grep", "-rI", "-e", "/usr/local/bin/", "-e", "/usr/local/share", "share"); err == nil {
		t.Errorf("another place is named:\n%s", out)
	}
	for file, name := range map[string]string{
		"doc/vodmr/examples/systemd/vodmr@.service": "/bin/vodmr-relay", "man/man1/atrn.1": "/bin/atrn",
		"../lib/systemd/system/atrn@.service": "/bin/atrn",
		"doc/vodmr/FAQ":                       "/share/doc/vodmr/examples/fail2ban",
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
	t.Parallel()
	require.Program(t, "git")
	dir := t.TempDir()
	copySource(t, dir)
	must(t, dir, "sh", "-c", `git init -q . && git add . &&
		git -c user.name=test -c user.email=test@invalid commit -q -m test`)
	must(t, dir, "make")
	commit := strings.TrimSpace(must(t, dir, "git", "rev-parse", "--short=12", "HEAD"))
	if got, want := must(t, dir, "bin/atrn", "-V"), "atrn "+version.Number+" ("+commit+")\n"; got != want {
		t.Errorf("-V: %q, want %q", got, want)
	}
}

// If something is missing, make says what, and what to do.
func TestMakeSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	dir, old := t.TempDir(), filepath.Join(t.TempDir(), "go")
	copySource(t, dir)
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho go1.19.8\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		"make GO=/nonexistent/go": "Building needs Go 1.",
		"make GO=" + old:          "is version 1.19. Building needs Go 1.",
		"env GOFLAGS=-mod=mod GOPROXY=off GOMODCACHE=" + t.TempDir() + " make": "With a network, run: go mod download",
	} {
		if out, err := run(dir, "sh", "-c", command); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, and it does not say %q:\n%s", command, err, want, out)
		}
	}
	// With the folder vendor no module is fetched.
	must(t, dir, "go", "mod", "vendor")
	must(t, dir, "env", "GOPROXY=off", "GOMODCACHE="+t.TempDir(), "make", "deb")
}
