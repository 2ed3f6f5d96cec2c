package qmail

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"vodmr/internal/cdb"
)

// fixtures holds files that a real qmail and vpopmail wrote.
const fixtures = "../test/data/fixtures/vpopmail"

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

// makeCDB writes a constant database.
func makeCDB(records []record) string {
	var list []cdb.Record
	for _, r := range records {
		list = append(list, cdb.Record{Key: r.key, Value: r.value})
	}
	return string(cdb.Make(list))
}

func appendPair(b []byte, x, y uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, x), y)
}

// domainEntry is a value of users/cdb as vpopmail's qmail-newu writes it.
func domainEntry(key, name, dir string) record {
	return record{"!" + key + "-", name + "\x0089\x0088\x00" + dir + "\x00-\x00"}
}
