package check

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// A limit is one that a run script sets.
type limit struct {
	program string
	letter  byte
	value   int64 // bytes, or a count for o
}

// leastLimits are the values, by softlimit's letters, below which a Go program may not even
// start: it reserves much more address space than it uses.
func leastLimits() map[byte]int64 {
	const space, data = 1 << 30, 128 << 20
	return map[byte]int64{'a': space, 'm': space, 'd': data, 'o': 20} // a session's descriptors at the most
}

// chpstValues are the options of chpst(8) that take a value.
const chpstValues = "uUbe/nlLmdopfcrtP"

// limitsOf reads the limits that softlimit, chpst or ulimit is asked for.
func limitsOf(program string, words []string) (limits []limit) {
	withValue := map[string]string{"chpst": chpstValues, "ulimit": "vdmnSHaculstfp"}
	given, _ := getopt(words, cmp.Or(withValue[program], "acdflmoprst"))
	for _, letter := range slices.Sorted(maps.Keys(given)) {
		n, err := strconv.ParseInt(given[letter], 10, 64)
		if err != nil {
			continue
		}
		if program == "ulimit" {
			letter, n = ulimitAs(letter, n)
		}
		limits = append(limits, limit{program, letter, n})
	}
	return limits
}

// ulimitAs is softlimit's letter and value for a limit of sh. The sizes of sh are in
// kilobytes.
func ulimitAs(letter byte, n int64) (byte, int64) {
	switch letter {
	case 'v':
		return 'a', n << 10
	case 'd':
		return 'd', n << 10
	case 'n':
		return 'o', n
	}
	return letter, 1 << 62
}

// tooSmall reports if no Go program can live within a limit.
func (l limit) tooSmall() bool { return l.value < leastLimits()[l.letter] }

func (l limit) String() string {
	return l.program + " -" + string(l.letter) + " " + strconv.FormatInt(l.value, 10)
}
