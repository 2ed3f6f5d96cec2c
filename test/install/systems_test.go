package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/version"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// units copies the systemd units into a new folder, adapted to our programs.
func units(t *testing.T) []string {
	t.Helper()
	bin, dir := filepath.Join(built(t), "bin")+"/", t.TempDir()
	found, err := filepath.Glob("../../dist/systemd/*")
	found = append(found, "../../dist/mosquitto/vodmr-tell.service")
	if err != nil || len(found) != 7 {
		t.Fatalf("units: %q, %v", found, err)
	}
	tell, err := filepath.Abs("../../dist/mosquitto/vodmr-tell")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.NewReplacer("/usr/local/bin/vodmr-tell", tell, "/usr/local/bin/", bin, "/home/vpopmail/bin/vchkpw", "/bin/false").Replace(string(text))
		made = append(made, filepath.Join(dir, filepath.Base(path)))
		if err := os.WriteFile(made[len(made)-1], []byte(all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// systemd-analyze accepts the units.
func TestSystemdUnits(t *testing.T) {
	analyze := require.Program(t, "systemd-analyze")
	for _, unit := range units(t) {
		unit = strings.Replace(unit, "@.", "@1-127.0.0.1.", 1)
		out, err := run("/", analyze, "verify", "--man=no", unit)
		if err != nil || strings.Contains(out, filepath.Dir(unit)) {
			t.Errorf("%s: %v, %s", filepath.Base(unit), err, out)
		}
	}
}

// How much a service may do, in tenths, as systemd-analyze security counts it. SECURITY says
// why the two that start as root are not below 2.0.
var exposures = map[string]string{
	"atrn@.service": "12", "vodmr-tell.service": "12", "vodmr@.service": "15", "vodmr.service": "25", "vodmr-expire.service": "24",
}

func TestUnitsAreConfined(t *testing.T) {
	analyze, count := require.Program(t, "systemd-analyze"), 0
	for _, unit := range units(t) {
		if limit, ok := exposures[filepath.Base(unit)]; ok {
			count++
			if out, err := run("/", analyze, "security", "--offline=true", "--no-pager", "--threshold="+limit, unit); err != nil {
				t.Errorf("%s: more than %s: %v\n%s", filepath.Base(unit), limit, err, out)
			}
		} else if strings.HasSuffix(unit, ".service") {
			t.Errorf("%s has no limit here", filepath.Base(unit))
		}
	}
	if count != len(exposures) {
		t.Errorf("only %d units were looked at", count)
	}
}

// TestMissingIsAsSECURITYSays: SECURITY lists all that the two services that start as root miss.
func TestMissingIsAsSECURITYSays(t *testing.T) {
	analyze := require.Program(t, "systemd-analyze")
	missed := map[string][]string{} // the services by the number and the name
	for _, service := range []string{"vodmr", "vodmr-expire"} {
		unit := "../../dist/systemd/" + service + ".service"
		out, err := run(".", analyze, "security", "--offline=true", "--no-pager", unit)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); strings.HasPrefix(line, "✗ ") {
				key := words[len(words)-1] + " " + words[1]
				missed[key] = append(missed[key], service)
			}
		}
	}
	_, rest, _ := strings.Cut(require.File(t, "../../SECURITY"), "<missing>\n")
	list, _, _ := strings.Cut(rest, "</missing>\n")
	listed := map[string][]string{}
	for _, row := range regexp.MustCompile(`(?m)^ +(0\.\d) +(\S+) +(\S+)$`).FindAllStringSubmatch(list, -1) {
		services := []string{row[3]}
		if row[3] == "both" {
			services = []string{"vodmr", "vodmr-expire"}
		}
		listed[row[1]+" "+row[2]] = services
	}
	if diff := cmp.Diff(listed, missed); diff != "" {
		t.Errorf("- SECURITY, + systemd-analyze:\n%s", diff)
	}
}

// The calls by which the programs of each unit give up their rights. The units forbid others by
// groups, whose members systemd knows.
var (
	landlockCalls = []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp", "prctl"}
	accountCalls  = []string{"setuid", "setgid", "setgroups"}
	// Those of the programs that vodmr-tell runs.
	tellCalls        = []string{"inotify_init", "inotify_init1", "inotify_add_watch", "connect", "kill", "timer_settime", "setpgid", "unlinkat"}
	confinementCalls = map[string][]string{
		"atrn@.service": landlockCalls, "vodmr@.service": landlockCalls, "vodmr-expire.service": accountCalls,
		"vodmr-tell.service": tellCalls,
		"vodmr.service":      slices.Concat(landlockCalls, accountCalls, []string{"chroot", "chdir"}),
	}
)

// TestUnitsLetProgramsConfineThemselves: no unit's filter forbids what confinement needs.
func TestUnitsLetProgramsConfineThemselves(t *testing.T) {
	analyze := require.Program(t, "systemd-analyze")
	for _, unit := range units(t) {
		name := filepath.Base(unit)
		if exposures[name] == "" {
			continue
		}
		if confinementCalls[name] == nil {
			t.Errorf("%s has no calls here", name)
		}
		allowed := map[string]bool{}
		for _, line := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(require.File(t, unit), -1) {
			for _, call := range callsOf(t, analyze, strings.Fields(line[2])) {
				allowed[call] = line[1] == ""
			}
		}
		for _, call := range confinementCalls[name] {
			if !allowed[call] {
				t.Errorf("%s forbids %s", name, call)
			}
		}
		if allowed["ptrace"] || allowed["mount"] {
			t.Errorf("%s: the filter is not understood here: it allows ptrace or mount", name)
		}
	}
}

// callsOf puts the members in the place of each group of calls.
func callsOf(t *testing.T, analyze string, names []string) (calls []string) {
	t.Helper()
	for _, name := range names {
		if !strings.HasPrefix(name, "@") {
			calls = append(calls, name)
			continue
		}
		out, err := run("/", analyze, "--no-pager", "syscall-filter", name)
		if err != nil {
			t.Fatalf("%s: %v, %s", name, err, out)
		}
		var members []string
		for line := range strings.Lines(out) {
			if word := strings.TrimSpace(line); strings.HasPrefix(line, " ") && !strings.HasPrefix(word, "#") {
				members = append(members, word)
			}
		}
		calls = append(calls, callsOf(t, analyze, members)...)
	}
	return calls
}

// The command of the service greets, and knows the caller's address.
func TestSystemdCommandGreets(t *testing.T) {
	for _, unit := range units(t) {
		if !strings.HasSuffix(unit, "vodmr@.service") {
			continue
		}
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?s)ExecStart=/bin/sh -c '(.*?)'`).FindSubmatch(text)
		if line == nil {
			t.Fatalf("no command in %s", text)
		}
		// systemd joins the lines, and turns $$ into $.
		script := strings.NewReplacer("\\\n", " ", "$$", "$").Replace(string(line[1]))
		cmd := exec.Command("sh", "-c", script)
		var log strings.Builder
		cmd.Env = append(os.Environ(), "REMOTE_ADDR=192.0.2.7")
		cmd.Stdin, cmd.Stderr = strings.NewReader("QUIT\r\n"), &log
		out, err := cmd.Output()
		logformat.Test(t, log.String())
		if err != nil || !strings.HasPrefix(string(out), "220 mail.example.net ") || !strings.Contains(log.String(), "ip=192.0.2.7") {
			t.Errorf("%v, %q, %q", err, out, log.String())
		}
	}
}

func TestFreeBSD(t *testing.T) {
	if out, err := run("../../dist/freebsd", "sh", "-n", "files/vodmr.in"); err != nil {
		t.Error(out)
	}
	makefile, err := os.ReadFile("../../dist/freebsd/Makefile")
	if err != nil || !strings.Contains(string(makefile), "\nDISTVERSION=	"+version.Number+"\n") {
		t.Errorf("not of version %s: %v", version.Number, err)
	}
}
