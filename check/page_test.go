package check

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "../man/vodmr-check.8"

var update = flag.Bool("update", false, "write DIAGNOSTICS of the manual page anew")

// DIAGNOSTICS of the manual page has each kind of finding with its severity, in the table's
// order, and no other. Only the explanations are the page's own: -update keeps them.
func TestThePageHasEachKind(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "\n.Sh DIAGNOSTICS\n")
	head, rest, _ := strings.Cut(rest, ".Ss ")
	written, after, _ := strings.Cut(rest, ".Sh ")
	before, written, after = before+"\n.Sh DIAGNOSTICS\n"+head, ".Ss "+written, ".Sh "+after
	explained := explanations(written)
	var made strings.Builder
	for _, s := range catalogue() {
		fmt.Fprintf(&made, ".Ss About %s\n.Bl -tag -width Ds\n", s.about)
		for _, k := range s.kinds {
			fmt.Fprintf(&made, ".It %s\n%s", heading(k), explained[heading(k)])
			if explained[heading(k)] == "" {
				t.Errorf("the page does not explain %q", heading(k))
			}
		}
		made.WriteString(".El\n")
	}
	if *update {
		text := before + made.String() + after
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(made.String(), written); diff != "" {
		t.Errorf("-update mends it: -in the table, +in the page:\n%s", diff)
	}
}

// heading is the first line of a kind's entry in the page.
func heading(k kind) string {
	severity, sentence, _ := k.split()
	return string(severity) + ": " + sentence
}

// explanations are the page's texts below each heading.
func explanations(text string) map[string]string {
	found := map[string]string{}
	item := ""
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, ".It "); ok {
			item = strings.TrimSpace(heading)
		} else if strings.TrimSpace(line) == ".El" {
			item = ""
		} else if item != "" {
			found[item] += line
		}
	}
	return found
}

// Each kind stands in the table once, and says what to do.
func TestEachKindIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range catalogue() {
		for _, k := range s.kinds {
			severity, sentence, advice := k.split()
			if seen[sentence] || sentence == "" || len(advice) < 10 || severity != wrong && severity != doubtful {
				t.Errorf("%q", k)
			}
			seen[sentence] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d kinds", len(seen))
	}
}

// A section has the kinds of a topic that no section before has.
type section struct {
	about topic
	kinds []kind
}

// catalogue is the table in the manual page's order.
func catalogue() (sections []section) {
	seen := map[kind]bool{}
	for _, about := range []topic{aboutQmail, aboutService, aboutLogins, aboutMailboxes, aboutFront} {
		kinds := slices.Concat(kindsOf(siteChecks(), about), kindsOf(loginChecks(), about),
			kindsOf(domainChecks(), about), kindsOf(maildirChecks(), about), kindsOf(askedChecks(), about))
		if about == aboutQmail {
			kinds = slices.Concat(fileKinds(), kinds)
		}
		s := section{about: about}
		for _, k := range kinds {
			if !seen[k] {
				s.kinds = append(s.kinds, k)
			}
			seen[k] = true
		}
		sections = append(sections, s)
	}
	return sections
}

func kindsOf[F any](checks []check[F], about topic) (kinds []kind) {
	for _, c := range checks {
		if c.about == about {
			kinds = append(kinds, c.says...)
		}
	}
	return kinds
}

// fileKinds can be said about any file.
func fileKinds() []kind { return []kind{cannotSee, unreadable, noProgram, notRunnable, damaged, loose} }
