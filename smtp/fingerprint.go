package smtp

import (
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
)

// fingerprint is a short key for a server by what it says before the first transaction:
// its greeting and its reply to EHLO. Words with a digit (times, session numbers,
// versions, limits) and names of days and months are left out, so that it stays the same
// from one session to the next. It proves nothing: another server can say the same.
func fingerprint(replies ...Reply) string {
	sum := fnv.New64a()
	for _, reply := range replies {
		for _, line := range reply.Lines {
			_, _ = io.WriteString(sum, constantWords(line)+"\n")
		}
	}
	return strconv.FormatUint(sum.Sum64(), 16)
}

// constantWords is a line without the words that may differ in the next session, with a
// space behind each word.
func constantWords(line string) string {
	var text strings.Builder
	for word := range strings.FieldsSeq(line) {
		if isConstant(word) {
			text.WriteString(word + " ")
		}
	}
	return text.String()
}

// isConstant reports if a word is likely to be the same in the next session.
func isConstant(word string) bool {
	if strings.ContainsAny(word, "0123456789") {
		return false
	}
	return !slices.Contains(dateWords(), strings.ToLower(strings.Trim(word, ",;()")))
}

func dateWords() []string {
	return strings.Fields(`mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday
		jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august
		september october november december am pm`)
}
