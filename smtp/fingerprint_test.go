package smtp

import "testing"

// TestFingerprint: a server keeps its key from session to session, and another server
// has another.
func TestFingerprint(t *testing.T) {
	key := func(greeting string, ehlo ...string) string {
		return fingerprint(Reply{Lines: []string{greeting}}, Reply{Lines: ehlo})
	}
	for _, same := range [][2]string{
		{"mx.test ESMTP Exim 4.96 Sun, 22 Nov 2026 08:37:25 +0000", "mx.test ESMTP Exim 4.99.1 Mon, 07 Dec 2026 18:00:01 +0000"},
		{"mx.test ESMTP Sendmail 8.17.1/8.17.1; Sat, 28 Nov 2026 13:43:00 GMT", "mx.test ESMTP Sendmail 8.17.1/8.17.1; Fri, 1 Jan 2027 03:43:00 GMT"},
		{"mx.test ready at 11/28/26 1:43:00 PM", "mx.test ready at 1/2/27 11:43:00 AM"},
		{"mx.test ESMTP d9-20020a05600c1900 - gsmtp", "mx.test ESMTP x1-20020a05600c1911 - gsmtp"},
	} {
		if key(same[0], "mx.test", "SIZE 1000", "CHUNKING") != key(same[1], "mx.test", "SIZE 2000", "CHUNKING") {
			t.Errorf("%q and %q have different keys", same[0], same[1])
		}
	}
	first := key("mx.test ESMTP", "mx.test", "CHUNKING")
	for _, other := range []string{
		key("mx.test ESMTP Postfix", "mx.test", "CHUNKING"), key("mx.other ESMTP", "mx.test", "CHUNKING"),
		key("mx.test ESMTP", "mx.test", "CHUNKING", "DSN"), key("mx.test", "ESMTP mx.test", "CHUNKING"), key("mx.test ESMTP"),
	} {
		if other == first {
			t.Errorf("two servers have the key %s", first)
		}
	}
}
