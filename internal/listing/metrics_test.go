package listing

import "testing"

// A label's value has no byte that could end it, or that is no UTF-8.
func TestLabel(t *testing.T) {
	for value, want := range map[string]string{
		"odmr@example.org": `"odmr@example.org"`, `a"b\c`: `"a\"b\\c"`, "a\nb": `"a\nb"`, "m\xfcller": `"m\\xfcller"`, "b\u00f6b": "\"b\u00f6b\"",
	} {
		if got := label(value); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
