// Package cdbmake makes constant databases for tests, as cdb(5) describes them.
package cdbmake

import (
	"encoding/binary"
	"strings"
)

// A Record is one key and its value.
type Record struct{ Key, Value string }

const tables = 256

// Make returns a database of the records, in their order.
func Make(records []Record) []byte {
	out := make([]byte, 8*tables)
	var slots [tables][][2]uint32
	for _, r := range records {
		h := hash(r.Key)
		slots[h%tables] = append(slots[h%tables], [2]uint32{h, uint32(len(out))})
		out = appendPair(out, uint32(len(r.Key)), uint32(len(r.Value)))
		out = append(append(out, r.Key...), r.Value...)
	}
	for i, entries := range slots {
		copy(out[8*i:], appendPair(nil, uint32(len(out)), uint32(2*len(entries))))
		out = appendTable(out, entries)
	}
	return out
}

// appendTable appends a hash table that is half full.
func appendTable(out []byte, entries [][2]uint32) []byte {
	table := make([][2]uint32, 2*len(entries))
	for _, e := range entries {
		at := e[0] / tables % uint32(len(table))
		for table[at][1] != 0 {
			at = (at + 1) % uint32(len(table))
		}
		table[at] = e
	}
	for _, e := range table {
		out = appendPair(out, e[0], e[1])
	}
	return out
}

func appendPair(b []byte, x, y uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, x), y)
}

func hash(key string) uint32 {
	h := uint32(5381)
	for i := range len(key) {
		h = (h<<5 + h) ^ uint32(key[i])
	}
	return h
}

// Assign turns lines of users/assign, `+key:name:uid:gid:dir:dash:ext:`, into
// users/cdb as qmail-newu does.
func Assign(text string) []byte {
	records := []Record{{"", "-"}}
	for line := range strings.Lines(text) {
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) < 7 {
			continue
		}
		kind, key := field[0][:1], field[0][1:]
		if kind == "=" {
			key += "\x00"
		}
		records = append(records, Record{"!" + key, strings.Join(field[1:7], "\x00") + "\x00"})
	}
	return Make(records)
}

// Rules turns lines of `key:allow,NAME="value",...` or `key:deny` into what
// tcprules makes of them.
func Rules(text string) []byte {
	var records []Record
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
		records = append(records, Record{key, value})
	}
	return Make(records)
}
