package vpasswd

import (
	"fmt"
	"slices"
	"testing"
)

// mixed is a file of accounts that have crypts of several kinds and costs, or none.
var mixed = []Entry{
	{Name: "starred", Crypt: "*"},
	{Name: "locked", Crypt: "!" + forms["md5"]},
	{Name: "empty"},
	{Name: "clear", Clear: "tanstaaf"},
	{Name: "broken", Crypt: "$6$saltsalt$"}, // the first of its kind, and none
	{Name: "md5", Crypt: forms["md5"]},
	{Name: "bcrypt", Crypt: forms["bcrypt, 2b"]},
	{Name: "bcrypt-too", Crypt: forms["bcrypt, 2y"]},
	{Name: "dear-bcrypt", Crypt: "$2b$06$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"},
	{Name: "sha512", Crypt: forms["sha512"]},
	{Name: "sha512-rounds", Crypt: forms["sha512, rounds"]},
	{Name: "yescrypt", Crypt: forms["yescrypt"], Clear: "tanstaaf"},
}

// TestTimeTellsNoLogin: for each login, known or not, with whatever crypt, and for each
// password, the same crypts are computed.
func TestTimeTellsNoLogin(t *testing.T) {
	known := map[[2]string][2]bool{}
	want := []kind{{"1", ""}, {"2", "05$"}, {"2", "06$"}, {"6", ""}, {"6", "rounds=1000$"}, {"y", "j8T$"}}
	for _, e := range append([]Entry{{Name: "nobody"}, {Name: ""}}, mixed...) {
		for _, password := range []string{"secret", "tanstaaf", "wrong"} {
			if got := computed(t, known, mixed, e.Name, password); !slices.Equal(got, want) {
				t.Errorf("login %q, password %q: computed %v, want %v", e.Name, password, got, want)
			}
		}
	}
}

// computed lists the kinds of the crypts that a check computes. known has the results of
// each crypt and password so far: under the race detector each costs up to a second.
func computed(t *testing.T, known map[[2]string][2]bool, entries []Entry, login, password string) (kinds []kind) {
	t.Helper()
	decoder, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	checkPassword(entries, login, password, func(digest string) (right, done bool) {
		result, found := known[[2]string{digest, password}]
		if !found {
			result[0], result[1] = matches(decoder, digest, password)
			known[[2]string{digest, password}] = result
		}
		if right, done = result[0], result[1]; done {
			kinds = append(kinds, kindOf(digest))
		}
		return right, done
	})
	slices.SortFunc(kinds, func(a, b kind) int {
		return slices.Compare([]string{a.name, a.parameters}, []string{b.name, b.parameters})
	})
	return kinds
}

// TestTimeTellsNoLoginToCRAM: one response is computed, whatever the login.
func TestTimeTellsNoLoginToCRAM(t *testing.T) {
	for _, login := range []string{"clear", "yescrypt", "md5", "starred", "empty", "nobody", ""} {
		count := 0
		checkCRAM(mixed, login, "no response", "<c>", func(clear, challenge string) string {
			count++
			return respond(clear, challenge)
		})
		if count != 1 {
			t.Errorf("login %q: %d responses computed, want 1", login, count)
		}
	}
}

// TestEqualCryptsAreComputedOnce: many accounts of one kind cost no more than one.
func TestEqualCryptsAreComputedOnce(t *testing.T) {
	var entries []Entry
	for i := range 1000 {
		entries = append(entries, Entry{Name: fmt.Sprint(i), Crypt: fmt.Sprintf("$1$%d$dslkcXxVH.x8LwW1W/oAB/", i)})
	}
	for _, login := range []string{"0", "999", "nobody"} {
		if got := computed(t, map[[2]string][2]bool{}, entries, login, "x"); len(got) != 1 {
			t.Errorf("login %s: %d crypts computed, want 1", login, len(got))
		}
	}
}

func TestKindOf(t *testing.T) {
	for digest, want := range map[string]kind{
		"":                      {},
		"*":                     {},
		"x$1$a$b":               {},
		"$":                     {},
		"$1":                    {},
		forms["md5"]:            {"1", ""},
		forms["sun md5"]:        {"md5,rounds=10", ""},
		forms["sha1"]:           {"sha1", "1000$"},
		forms["sha256"]:         {"5", ""},
		forms["sha256, rounds"]: {"5", "rounds=1000$"},
		forms["bcrypt, 2a"]:     {"2", "05$"},
		forms["bcrypt, 2y"]:     {"2", "05$"},
		forms["yescrypt"]:       {"y", "j8T$"},
		"$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$Rdescud": {"argon2id", "v=19$m=65536,t=2,p=4$"},
		"$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA":                {"scrypt", "ln=16,r=8,p=1$"},
		"$pbkdf2-sha256$29000$c2FsdA$aGFzaA":                 {"pbkdf2-sha256", "29000$"},
		"$bcrypt-sha256$v=2,t=2b,r=12$c2FsdA$aGFzaA":         {"bcrypt-sha256", "v=2,t=2b,r=12$"},
		"$1$12345678$aGFzaA":                                 {"1", ""},
	} {
		if got := kindOf(digest); got != want {
			t.Errorf("%q: %+v, want %+v", digest, got, want)
		}
	}
}
