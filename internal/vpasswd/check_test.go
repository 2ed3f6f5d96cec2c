package vpasswd

import (
	"testing"

	"vodmr/test/kit/dialogue"
)

// The forms of crypt(3), each of the password "secret", as libxcrypt 4.4 wrote
// them.
var forms = map[string]string{
	"md5":            "$1$ab$dslkcXxVH.x8LwW1W/oAB/",
	"sun md5":        "$md5,rounds=10$saltsal1$$PY9v/YsiK6.cM/rDHbZys0",
	"sha1":           "$sha1$1000$saltsalt$Afd9xS7u8w4h.ywETK2u0ha2i2TG",
	"sha256":         "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
	"sha256, rounds": "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2",
	"sha512":         "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
	"sha512, rounds": "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
	"bcrypt, 2a":     "$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"bcrypt, 2b":     "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"bcrypt, 2y":     "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"yescrypt":       "$y$j8T$F5Jx5fExrKuPp53xLKQ..1$JfpA1POwLu8kefWtXU5W4b3ZzzNtm0liijCVUeMYNU/",
}

// matched is matches with a decoder of its own.
func matched(t *testing.T, digest, password string) bool {
	t.Helper()
	decoder, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	right, _ := matches(decoder, digest, password)
	return right
}

// The example in the documentation of Argon2's reference implementation.
func TestArgon2(t *testing.T) {
	const digest = "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	if !matched(t, digest, "password") || matched(t, digest, "Password") {
		t.Error("the digest does not tell the right password")
	}
}

func TestCryptForms(t *testing.T) {
	for name, digest := range forms {
		entries := []Entry{{Name: "odmr", Crypt: digest, Dir: "/srv"}}
		if _, ok := CheckPassword(entries, "ODMR", "secret"); !ok {
			t.Errorf("%s: the right password was refused", name)
		}
		for _, wrong := range []string{"", "Secret", "secret ", digest} {
			if _, ok := CheckPassword(entries, "odmr", wrong); ok {
				t.Errorf("%s: password %q was taken", name, wrong)
			}
		}
		if _, ok := CheckPassword(entries, "someone", "secret"); ok {
			t.Errorf("%s: an unknown login was taken", name)
		}
	}
}

func TestNoPasswordMatchesNothing(t *testing.T) {
	for _, digest := range []string{"", "*", "!", "x", "!!", "$", "$1$", "$6$", "$y$", "$2b$05$", "$argon2id$", "$unknown$a$b", "secret", "$plaintext$secret"} {
		entries := []Entry{{Name: "odmr", Crypt: digest, Dir: "/srv"}}
		for _, password := range []string{"", "secret", digest} {
			if _, ok := CheckPassword(entries, "odmr", password); ok {
				t.Errorf("crypt %q took password %q", digest, password)
			}
		}
		if _, ok := CheckCRAM(entries, "odmr", dialogue.CRAM("", "<c>"), "<c>"); ok {
			t.Errorf("crypt %q without a clear password took a CRAM-MD5 response", digest)
		}
	}
}

func TestClearPassword(t *testing.T) {
	entries := []Entry{
		{Name: "clear", Clear: "tanstaaf", Dir: "/srv"},
		{Name: "both", Clear: "tanstaaf", Crypt: forms["md5"], Dir: "/srv"},
		{Name: "locked", Dir: "/srv"},
	}
	for _, test := range []struct {
		login, password string
		want            bool
	}{
		{"clear", "tanstaaf", true},
		{"clear", "secret", false}, // the other account's
		{"clear", "", false},
		{"both", "tanstaaf", true},
		{"both", "secret", false}, // an old crypt beside a new password
		{"locked", "", false},
		{"locked", "secret", false}, // the first crypt is only worked on
		{"nobody", "tanstaaf", false},
	} {
		e, ok := CheckPassword(entries, test.login, test.password)
		if ok != test.want || ok && e.Name != test.login {
			t.Errorf("%s, %q: %v, %+v", test.login, test.password, ok, e)
		}
	}
}

func TestCRAM(t *testing.T) {
	const challenge = "<1896.697170952@postoffice.reston.mci.net>"
	const response = "b913a602c7eda7a495b4e6e7334d3890"
	entries := []Entry{
		{Name: "tim", Clear: "tanstaaftanstaaf", Dir: "/srv/tim"},
		{Name: "crypt", Crypt: forms["md5"], Dir: "/srv/crypt"},
	}
	if e, ok := CheckCRAM(entries, "Tim", response, challenge); !ok || e.Dir != "/srv/tim" {
		t.Errorf("the right response gave %v, %+v", ok, e)
	}
	for _, test := range [][3]string{
		{"tim", "B913A602C7EDA7A495B4E6E7334D3890", challenge},
		{"tim", response, challenge + " "},
		{"tim", response[:31], challenge},
		{"tim", "", challenge},
		{"tim", "tanstaaftanstaaf", challenge},
		{"crypt", dialogue.CRAM("", challenge), challenge},
		{"crypt", dialogue.CRAM(forms["md5"], challenge), challenge},
		{"nobody", dialogue.CRAM("", challenge), challenge},
		{"nobody", response, challenge},
	} {
		if _, ok := CheckCRAM(entries, test[0], test[1], test[2]); ok {
			t.Errorf("%q was taken", test)
		}
	}
}
