package main

import (
	"cmp"
	"strconv"
	"time"

	"vodmr/internal/cdb"
	"vodmr/internal/logintimes"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

// replaceTimes makes the times of a file of accounts, which anybody may read: a standing
// session looks there if its login's line has changed. A line that the index from before has
// keeps its time.
func replaceTimes(file, text string, stamp vpasswd.Stamp) error {
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	lines, times := values(indexName(file)), values(logintimes.Name(file))
	entries, _ := vpasswd.Parse(text)
	list := []cdb.Record{{Value: logintimes.Head(stamp.Changed, stamp.Size)}}
	for _, e := range entries {
		changed := now
		if lines[e.Name] == e.Line() {
			changed = cmp.Or(times[e.Name], now)
		}
		list = append(list, cdb.Record{Key: e.Name, Value: changed})
	}
	return replace(logintimes.Name(file), file, 0o444, cdb.Make(list))
}

// values reads a whole database; what cannot be read has no values.
func values(name string) map[string]string {
	values := map[string]string{}
	if db, err := qmail.OpenCDB(name); err == nil {
		defer db.Close()
		_ = db.Each(func(key, value []byte) error {
			if _, twice := values[string(key)]; !twice {
				values[string(key)] = string(value)
			}
			return nil
		})
	}
	return values
}
