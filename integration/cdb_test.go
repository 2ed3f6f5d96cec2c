package integration

import (
	"encoding/binary"
	"testing"

	"vodmr/qmail"
)

// A record of a constant database.
type record struct{ key, value string }

// cdb gives the bytes of a constant database, as qmail-newu would write it
// (https://cr.yp.to/cdb/cdb.txt).
func cdb(records []record) string {
	const head = 256 * 8
	type slot struct{ hash, pos uint32 }
	var data []byte
	var buckets [256][]slot
	for _, r := range records {
		h := cdbHash(r.key)
		buckets[h%256] = append(buckets[h%256], slot{h, uint32(head + len(data))})
		data = appendPair(data, uint32(len(r.key)), uint32(len(r.value)))
		data = append(append(data, r.key...), r.value...)
	}
	var pointers, tables []byte
	for _, bucket := range buckets {
		n := uint32(2 * len(bucket))
		pointers = appendPair(pointers, uint32(head+len(data)+len(tables)), n)
		table := make([]slot, n)
		for _, s := range bucket {
			i := s.hash / 256 % n
			for table[i].pos != 0 {
				i = (i + 1) % n
			}
			table[i] = s
		}
		for _, s := range table {
			tables = appendPair(tables, s.hash, s.pos)
		}
	}
	return string(pointers) + string(data) + string(tables)
}

func appendPair(b []byte, one, two uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, one), two)
}

func cdbHash(key string) uint32 {
	h := uint32(5381)
	for i := range len(key) {
		h = (h<<5 + h) ^ uint32(key[i])
	}
	return h
}

func TestCDBIsReadBack(t *testing.T) {
	path := publicDir(t) + "/cdb"
	records := []record{{"", "-"}, {"!example.org-", "x\x00y"}, {"!b.example-", "z"}}
	mailUser().write(t, path, cdb(records), 0o644)
	db, err := qmail.OpenCDB(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, r := range records {
		value, found, err := db.Find([]byte(r.key))
		if err != nil || !found || string(value) != r.value {
			t.Errorf("%q: got %q, %v, %v; want %q", r.key, value, found, err, r.value)
		}
	}
}
