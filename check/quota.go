package check

import (
	"strconv"
	"strings"
)

const (
	countsFull kind = "wrong | is over its quota, and mail bounces | take the quota off, and remove the file"
	counts     kind = "doubtful | counts a quota | take the quota off and remove the file: a full mailbox bounces the whole domain's mail"
)

// checkQuota looks at the quota in maildirsize.
func checkQuota(b *openBox, r *report) {
	file := b.dir + "/maildirsize"
	if _, err := stat(file); missing(err) || !r.canRead(file, file, b.m.user) {
		return
	}
	text, err := readText(b.m.user, file)
	if r.unreadable(file, err) {
		return
	}
	quota, rest, _ := strings.Cut(string(text), "\n")
	if !isQuota(quota) || strings.Trim(quota, "0SC,") == "" {
		return
	}
	used := int64(0)
	for line := range strings.Lines(rest) {
		bytes, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseInt(bytes, 10, 64)
		used += n
	}
	if limit := quotaBytes(quota); limit > 0 && used >= limit {
		r.say(file, countsFull, strconv.FormatInt(used, 10)+" bytes of "+quota)
		return
	}
	r.say(file, counts, quota)
}

// quotaBytes is the size in a quota such as 1000000S,500C, or 0 if there is none.
func quotaBytes(quota string) int64 {
	for part := range strings.SplitSeq(quota, ",") {
		if size, ok := strings.CutSuffix(part, "S"); ok {
			n, _ := strconv.ParseInt(size, 10, 64)
			return n
		}
	}
	return 0
}

// isQuota reports if a field is a quota. If there is none, vpopmail writes a word or
// nothing.
func isQuota(field string) bool {
	return field != "" && field != "0" && field[0] >= '0' && field[0] <= '9'
}
