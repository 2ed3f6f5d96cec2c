package qmail

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func virtual(t *testing.T, content string) *VirtualDomains {
	t.Helper()
	v, err := home(t, map[string]string{"control/virtualdomains": content}).VirtualDomains()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const manyDomains = "# a comment\n#hidden.example:x\n\nPlain.example:vq \t\n" +
	".wild.example:wide\n.deep.wild.example:deep\nnot.wild.example:\n" +
	"Ivy@plain.example:special-ivy\nout@plain.example:\nno colon here\n" +
	"twice.example:first\ntwice.example:second\nnul.example:one\x00two.example:two\n"

func TestPrefix(t *testing.T) {
	v := virtual(t, manyDomains)
	tests := []struct{ domain, prefix string }{
		{"plain.example", "vq"},
		{"PLAIN.Example", "vq"},
		{"sub.plain.example", ""},
		{"a.wild.example", "wide"},
		{"wild.example", ""},
		{"a.b.wild.example", "wide"},
		{"a.deep.wild.example", "deep"},
		{"not.wild.example", ""},
		{"sub.not.wild.example", "wide"},
		{"twice.example", "second"},
		{"nul.example", "one"},
		{"two.example", "two"},
		{"no colon here", ""},
		{"#hidden.example", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if prefix, found := v.Prefix(tt.domain); prefix != tt.prefix || found != (tt.prefix != "") {
			t.Errorf("Prefix(%q) = %q, %v; want %q", tt.domain, prefix, found, tt.prefix)
		}
	}
}

func TestPrefixOfTheEmptyKey(t *testing.T) {
	v := virtual(t, ":all\nbut.example:\n")
	if prefix, found := v.Prefix("any.example"); prefix != "all" || !found {
		t.Errorf("%q, %v", prefix, found)
	}
	if _, found := v.Prefix("but.example"); found {
		t.Error("the exception has a prefix")
	}
}

func TestStrip(t *testing.T) {
	v := virtual(t, manyDomains)
	tests := []struct{ local, domain, want string }{
		{"vq-Ivy.Mixed", "plain.example", "Ivy.Mixed"}, // fixtures/qmail/maildir-prefix
		{"VQ-x", "Plain.Example", "x"},
		{"vq-", "plain.example", ""},
		{"vq", "plain.example", "vq"},
		{"vqx", "plain.example", "vqx"},
		{"vq-vq-x", "plain.example", "vq-x"},
		{"Special-Ivy-Ivy", "plain.example", "Ivy"},
		{"special-ivy-eve", "plain.example", "special-ivy-eve"},
		{"special-ivy-ivy", "wild.example", "special-ivy-ivy"},
		{"wide-a-b", "x.wild.example", "a-b"},
		{"wide-x", "not.wild.example", "wide-x"},
		{"carol", "example.org", "carol"},
		{"-out", "plain.example", "-out"},
	}
	for _, tt := range tests {
		if got := v.Strip(tt.local, tt.domain); got != tt.want {
			t.Errorf("Strip(%q, %q) = %q, want %q", tt.local, tt.domain, got, tt.want)
		}
	}
}

func TestHeldBy(t *testing.T) {
	v := virtual(t, "b.example:joe\na.example:Joe-a\nc.example:joey\n.w.example:joe\n:joe\nu@d.example:joe\ne.example:\n")
	if diff := cmp.Diff([]string{"a.example", "b.example"}, v.HeldBy("joe")); diff != "" {
		t.Error(diff)
	}
	if got := v.HeldBy(""); got != nil {
		t.Errorf("the empty login holds %q", got)
	}
}

func TestVirtualDomainsOfVpopmail(t *testing.T) {
	v := virtual(t, readFixture(t, "control/virtualdomains"))
	if prefix, found := v.Prefix("fwd.example"); prefix != "fwd.example" || !found {
		t.Errorf("%q, %v", prefix, found)
	}
	absent, err := home(t, nil).VirtualDomains()
	if err != nil {
		t.Fatal(err)
	}
	if _, found := absent.Prefix("fwd.example"); found || absent.Strip("a-b", "fwd.example") != "a-b" {
		t.Error("an absent file holds a domain")
	}
}

func TestHolds(t *testing.T) {
	for lines, want := range map[string]bool{
		"a.example:vq\n": true, "a.example:vq-a\n": true, ".example:vq\n": true, ":VQ\n": true,
		"": false, "a.example:vqx\n": false, "joe@a.example:vq\n": false, "a.example:\n": false,
	} {
		if v := virtual(t, lines); v.Holds("vq") != want || v.Holds("") {
			t.Errorf("%q: %v, want %v", lines, v.Holds("vq"), want)
		}
	}
}
