// Package cdb makes constant databases in the format of cdb(5). Package qmail reads them.
package cdb

import "encoding/binary"

// A Record is one key and its value.
type Record struct{ Key, Value string }

// Tables is how many hash tables a database has.
const Tables = 256

// Make returns a database of the records, in their order. A reader finds the first of
// several values of one key. All of it, and so each offset, must stay below 4 GiB.
func Make(records []Record) []byte {
	out := make([]byte, 8*Tables)
	var slots [Tables][][2]uint32
	for _, r := range records {
		h := Hash(r.Key)
		slots[h%Tables] = append(slots[h%Tables], [2]uint32{h, uint32(len(out))})
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
		at := e[0] / Tables % uint32(len(table))
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

// Hash is the hash function of cdb(5).
func Hash(key string) uint32 {
	h := uint32(5381)
	for i := range len(key) {
		h = (h<<5 + h) ^ uint32(key[i])
	}
	return h
}
