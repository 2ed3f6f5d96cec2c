package qmail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"vodmr/internal/cdb"
)

// ErrDamaged means that a constant database, or a record in it, cannot be what
// the program that makes it would write.
var ErrDamaged = errors.New("damaged database")

const (
	cdbHeader = cdb.Tables * 8
	// cdbMaxRecord bounds a key with its value, in bytes. qmail-newu and tcprules write
	// far smaller ones, and a damaged length must not cost memory.
	cdbMaxRecord = 1 << 20
)

// A CDB is an open constant database, in the format of cdb(5). It is read from
// the file at each look-up. A look-up ends even if the file is damaged.
type CDB struct {
	file   *file
	tables [cdb.Tables]cdbTable
	end    uint32 // where the records end
}

// A cdbTable is a hash table: its offset in the file, and its number of slots.
type cdbTable struct{ pos, slots uint32 }

// OpenCDB opens the database at path. The error wraps ErrDamaged if the file is not a
// database.
func OpenCDB(path string) (*CDB, error) { return openDatabase(path, openRegular) }

// OpenTrustedCDB is OpenCDB for a database that decides about logins: if anybody can write
// to it but root and this program's user, the error is ErrWritable.
func OpenTrustedCDB(path string) (*CDB, error) { return openDatabase(path, openTrusted) }

func openDatabase(path string, open func(path string) (*file, error)) (*CDB, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	c := &CDB{file: f}
	if err := c.readHeader(); err != nil {
		f.close()
		return nil, err
	}
	return c, nil
}

// Close closes the file.
func (c *CDB) Close() error { return c.file.close() }

func (c *CDB) damaged(what string) error {
	return fmt.Errorf("%s: %w: %s", c.file.path, ErrDamaged, what)
}

// readHeader reads where the hash tables are. The first of them ends the
// records; a table without slots is nowhere.
func (c *CDB) readHeader() error {
	var header [cdbHeader]byte
	if err := c.read(header[:], 0); err != nil {
		return err
	}
	if header == [cdbHeader]byte{} {
		return c.damaged("its header is all zeros, as a crash leaves a file")
	}
	c.end = cdbHeader
	for i := range c.tables {
		t := cdbTable{binary.LittleEndian.Uint32(header[8*i:]), binary.LittleEndian.Uint32(header[8*i+4:])}
		if t.slots == 0 {
			continue
		}
		if t.pos < cdbHeader || int64(t.pos)+8*int64(t.slots) > c.file.size {
			return c.damaged("a table lies outside the file")
		}
		if c.end == cdbHeader || t.pos < c.end {
			c.end = t.pos
		}
		c.tables[i] = t
	}
	return nil
}

// read fills buf from the offset on.
func (c *CDB) read(buf []byte, offset int64) error {
	_, err := c.file.ReadAt(buf, offset)
	if err == io.EOF {
		err = c.damaged("it ends too soon")
	}
	return err
}

// pair reads two numbers: a record's lengths, or a slot.
func (c *CDB) pair(offset int64) (uint32, uint32, error) {
	var b [8]byte
	err := c.read(b[:], offset)
	return binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:]), err
}

// Find returns the first value of key.
func (c *CDB) Find(key []byte) (value []byte, found bool, err error) {
	h := cdb.Hash(string(key))
	t := c.tables[h%cdb.Tables]
	// Each slot is looked at once at most, so a table without a free slot ends too.
	for i := uint32(0); i < t.slots; i++ {
		slot := (h/cdb.Tables%t.slots + i) % t.slots
		hash, pos, err := c.pair(int64(t.pos) + 8*int64(slot))
		if err != nil || pos == 0 {
			return nil, false, err
		}
		if hash != h {
			continue
		}
		if value, found, err := c.match(int64(pos), key); found || err != nil {
			return value, found, err
		}
	}
	return nil, false, nil
}

// match returns the value of the record at pos if its key is key.
func (c *CDB) match(pos int64, key []byte) ([]byte, bool, error) {
	if err := c.checkRecord(pos, 0, 0); err != nil {
		return nil, false, err
	}
	klen, dlen, err := c.pair(pos)
	if err != nil || int64(klen) != int64(len(key)) {
		return nil, false, err
	}
	if err := c.checkRecord(pos, klen, dlen); err != nil {
		return nil, false, err
	}
	b := make([]byte, int(klen)+int(dlen))
	if err := c.read(b, pos+8); err != nil || !bytes.Equal(b[:klen], key) {
		return nil, false, err
	}
	return b[klen:], true, nil
}

func (c *CDB) checkRecord(pos int64, klen, dlen uint32) error {
	size := int64(klen) + int64(dlen)
	if pos < cdbHeader || pos+8+size > int64(c.end) {
		return c.damaged("a record lies outside the records")
	}
	if size > cdbMaxRecord {
		return c.damaged("a record is too long")
	}
	return nil
}

// Each calls f for every record, in the order of the file, until f returns an
// error, which it returns. key and value are valid during the call only.
func (c *CDB) Each(f func(key, value []byte) error) error {
	records := io.NewSectionReader(c.file, cdbHeader, int64(c.end)-cdbHeader)
	r := bufio.NewReaderSize(records, 32<<10)
	var lengths [8]byte
	var buf []byte
	for pos := int64(cdbHeader); pos < int64(c.end); {
		if err := c.next(r, lengths[:]); err != nil {
			return err
		}
		klen, dlen := binary.LittleEndian.Uint32(lengths[:]), binary.LittleEndian.Uint32(lengths[4:])
		if err := c.checkRecord(pos, klen, dlen); err != nil {
			return err
		}
		size := int(klen) + int(dlen)
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		if err := c.next(r, buf[:size]); err != nil {
			return err
		}
		if err := f(buf[:klen:klen], buf[klen:size:size]); err != nil {
			return err
		}
		pos += 8 + int64(size)
	}
	return nil
}

func (c *CDB) next(r io.Reader, buf []byte) error {
	_, err := io.ReadFull(r, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return c.damaged("the records end too soon")
	}
	return err
}
