package install

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"vodmr/internal/version"
	"vodmr/test/kit/require"
)

// makeDeb runs make deb once.
var makeDeb = sync.OnceValue(func() error {
	dir, err := source()
	if err == nil {
		_, err = run(dir, "make", "deb")
	}
	return err
})

// debian returns the package of the front that make deb builds; that of the customer is
// beside it.
func debian(t *testing.T) string {
	t.Helper()
	require.Program(t, "dpkg-deb")
	dir := built(t)
	if err := makeDeb(); err != nil {
		t.Fatal(err)
	}
	return packageIn(t, dir, "vodmr")
}

// packageIn is the path of a package that was built in a source tree.
func packageIn(t *testing.T, dir, name string) string {
	t.Helper()
	arch := strings.TrimSpace(must(t, dir, "dpkg", "--print-architecture"))
	return filepath.Join(dir, "bin", name+"_"+version.Number+"_"+arch+".deb")
}

// packages are both.
func packages(t *testing.T) []string {
	t.Helper()
	deb := debian(t)
	return []string{deb, strings.Replace(deb, "/vodmr_", "/atrn_", 1)}
}

// contents lists a package's files.
func contents(t *testing.T, deb string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(must(t, "/", "dpkg-deb", "-c", deb)) {
		if !strings.Contains(line, " root/root ") {
			t.Errorf("not root's: %s", line)
		}
		if name := strings.Fields(line)[5]; !strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	return names
}

func TestDebianPackages(t *testing.T) {
	debs := packages(t)
	front, customer := contents(t, debs[0]), contents(t, debs[1])
	for _, name := range []string{"./usr/bin/vodmr-relay", "./usr/share/man/man8/vodmr.8.gz", "./usr/share/bash-completion/completions/vodmr-conf", "./usr/share/zsh/vendor-completions/_vodmr-conf", "./usr/share/doc/vodmr/INSTALL",
		"./lib/systemd/system/vodmr.service", "./usr/share/doc/vodmr/SBOM"} {
		if !slices.Contains(front, name) {
			t.Errorf("%s is not in vodmr", name)
		}
	}
	for _, name := range []string{"./usr/bin/atrn", "./usr/share/man/man1/atrn.1.gz", "./usr/share/bash-completion/completions/atrn", "./usr/share/zsh/vendor-completions/_atrn", "./lib/systemd/system/atrn@.service",
		"./usr/share/doc/atrn/copyright"} {
		if !slices.Contains(customer, name) {
			t.Errorf("%s is not in atrn", name)
		}
	}
	for _, name := range customer {
		if slices.Contains(front, name) {
			t.Errorf("%s is in both packages", name)
		}
		if strings.Contains(name, "vodmr") {
			t.Errorf("atrn has %s", name)
		}
	}
}

func TestLintianFindsNothing(t *testing.T) {
	t.Parallel()
	require.Program(t, "lintian")
	for _, deb := range packages(t) {
		out, err := run("/", "lintian", "--allow-root", "--fail-on", "error,warning", deb)
		if err != nil || strings.Contains(out, "W: ") || strings.Contains(out, "E: ") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

var linkedModule = regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`)

// Each module that is linked into a program has its notice in that program's package, and
// Go's library has one.
func TestWhatIsLinkedHasItsNotice(t *testing.T) {
	count := 0
	for _, deb := range packages(t) {
		to, name := t.TempDir(), strings.Split(filepath.Base(deb), "_")[0]
		must(t, "/", "dpkg-deb", "-x", deb, to)
		notices, err := os.ReadFile(filepath.Join(to, "usr/share/doc", name, "copyright"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(notices), "\nFiles: go@") {
			t.Errorf("%s: no notice of Go's library", name)
		}
		for _, program := range glob(t, filepath.Join(to, "usr/bin/*")) {
			about, _ := run(built(t), "go", "version", "-m", program)
			for _, module := range linkedModule.FindAllStringSubmatch(about, -1) {
				count++
				checkNotice(t, string(notices), module[1], module[2])
			}
		}
	}
	if count < 8 {
		t.Errorf("only %d linked modules were found", count)
	}
}

// checkNotice fails if a module's whole licence, as its authors wrote it, is not among the
// notices.
func checkNotice(t *testing.T, notices, module, version string) {
	t.Helper()
	_, notice, found := strings.Cut(notices, "\nFiles: "+module+"@"+version+"\n")
	if !found {
		t.Errorf("no notice of %s %s", module, version)
		return
	}
	notice, _, _ = strings.Cut(notice, "\nFiles: ")
	folder := strings.TrimSpace(must(t, built(t), "go", "list", "-m", "-f", "{{.Dir}}", module))
	licence, err := os.ReadFile(filepath.Join(folder, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if !strings.Contains(words(strings.ReplaceAll(notice, "\n .\n", "\n\n")), words(string(licence))) {
		t.Errorf("%s: its notice is not its licence:\n%s", module, notice)
	}
}

// The same source gives the same bytes, in another folder, by another user's settings.
func TestPackagesAreReproducible(t *testing.T) {
	t.Parallel()
	debs, other := packages(t), filepath.Join(t.TempDir(), "a-longer-name")
	copySource(t, other)
	must(t, other, "sh", "-c", "umask 077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 GOFLAGS=-p=1 make deb")
	for _, deb := range debs {
		one, err1 := os.ReadFile(deb)
		two, err2 := os.ReadFile(filepath.Join(other, "bin", filepath.Base(deb)))
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("%s differs from one folder to another: %v %v", filepath.Base(deb), err1, err2)
		}
	}
}
