// Package cdbmake makes the constant databases of other programs for tests.
package cdbmake

import (
	"strings"

	"vodmr/internal/cdb"
)

// Assign turns lines of users/assign, `+key:name:uid:gid:dir:dash:ext:`, into
// users/cdb as qmail-newu does.
func Assign(text string) []byte {
	records := []cdb.Record{{Value: "-"}}
	for line := range strings.Lines(text) {
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) < 7 {
			continue
		}
		kind, key := field[0][:1], field[0][1:]
		if kind == "=" {
			key += "\x00"
		}
		records = append(records, cdb.Record{Key: "!" + key, Value: strings.Join(field[1:7], "\x00") + "\x00"})
	}
	return cdb.Make(records)
}

// Rules turns lines of `key:allow,NAME="value",...` or `key:deny` into what
// tcprules makes of them.
func Rules(text string) []byte {
	var records []cdb.Record
	for line := range strings.Lines(text) {
		key, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		value := ""
		if strings.HasPrefix(rest, "deny") {
			value = "D\x00"
		}
		// The commas inside a value are within quotes, so cut at the quotes.
		for _, setting := range strings.Split(rest, `",`) {
			setting = strings.TrimPrefix(strings.TrimPrefix(setting, "allow"), ",")
			if name, quoted, ok := strings.Cut(setting, `="`); ok {
				value += "+" + name + "=" + strings.TrimSuffix(quoted, `"`) + "\x00"
			}
		}
		records = append(records, cdb.Record{Key: key, Value: value})
	}
	return cdb.Make(records)
}
