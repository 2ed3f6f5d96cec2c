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
	before := indexBefore(file)
	entries, _ := vpasswd.Parse(text)
	list := []cdb.Record{{Value: logintimes.Head(stamp.Changed, stamp.Size)}}
	for _, e := range entries {
		list = append(list, cdb.Record{Key: e.Name, Value: cmp.Or(before(e), now)})
	}
	return replace(logintimes.Name(file), file, 0o444, cdb.Make(list))
}

// indexBefore returns a function that finds the time of an entry; "" if its line has changed
// since, or if there is no index and no times to tell.
func indexBefore(file string) func(vpasswd.Entry) string {
	find := finder(indexName(file))
	times := finder(logintimes.Name(file))
	return func(e vpasswd.Entry) string {
		if find(e.Name) != e.Line() {
			return ""
		}
		return times(e.Name)
	}
}

// finder reads a whole database; what cannot be read has no values.
func finder(name string) func(key string) string {
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
	return func(key string) string { return values[key] }
}
