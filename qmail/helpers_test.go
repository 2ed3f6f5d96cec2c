package qmail

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// fixtures holds files that a real qmail and vpopmail wrote.
const fixtures = "../testdata/fixtures/vpopmail"

// writeFile writes content to name below dir and returns the path.
func writeFile(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// home makes a qmail home with the files given by their path below it.
func home(t testing.TB, files map[string]string) Home {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		writeFile(t, dir, name, content)
	}
	return OpenHome(dir)
}

func readFixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixtures, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type record struct{ key, value string }

// makeCDB writes a constant database as cdb(5) describes it.
func makeCDB(records []record) string {
	out := make([]byte, cdbHeader)
	var slots [cdbTables][][2]uint32
	for _, r := range records {
		h := cdbHash([]byte(r.key))
		slots[h%cdbTables] = append(slots[h%cdbTables], [2]uint32{h, uint32(len(out))})
		out = appendPair(out, uint32(len(r.key)), uint32(len(r.value)))
		out = append(append(out, r.key...), r.value...)
	}
	for i, entries := range slots {
		copy(out[8*i:], appendPair(nil, uint32(len(out)), uint32(2*len(entries))))
		table := make([][2]uint32, 2*len(entries))
		for _, e := range entries {
			at := e[0] / cdbTables % uint32(len(table))
			for table[at][1] != 0 {
				at = (at + 1) % uint32(len(table))
			}
			table[at] = e
		}
		for _, e := range table {
			out = appendPair(out, e[0], e[1])
		}
	}
	return string(out)
}

func appendPair(b []byte, x, y uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, x), y)
}

// domainEntry is a value of users/cdb as vpopmail's qmail-newu writes it.
func domainEntry(key, name, dir string) record {
	return record{"!" + key + "-", name + "\x0089\x0088\x00" + dir + "\x00-\x00"}
}
