package dialogue

import "testing"

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"250 ok", "250 ok", true},
		{"250 ok", "250 ok!", false},
		{"250", "250 ok", false},
		{"250 *", "250 ok", true},
		{"250 *", "251 ok", false},
		{"*ok", "250 ok", true},
		{"*ok", "250 okay", false},
		{"2*mail*now", "250 no mail for you now", true},
		{"2*mail*now", "250 now mail", false},
		{"a*a", "a", false},
		{"*", "anything", true},
	} {
		if got := Match(test.pattern, test.text); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.text, got)
		}
	}
}

// The example of RFC 2195 section 2.
func TestCRAM(t *testing.T) {
	got := CRAM("tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>")
	if want := "b913a602c7eda7a495b4e6e7334d3890"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
