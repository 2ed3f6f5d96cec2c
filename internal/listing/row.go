package listing

import (
	"strconv"
	"strings"
	"time"

	"vodmr/relay/spool"
)

// A row is one message. The names of the keys are promised in vodmr-qread(8).
type row struct {
	Type      string `json:"type"`
	Maildir   string `json:"maildir"`
	File      string `json:"file"`
	Time      int64  `json:"time"`
	Age       int64  `json:"age"`
	Size      int64  `json:"size"`
	Sender    string `json:"sender"`
	Recipient string `json:"recipient"`
	Tries     int    `json:"tries"`
	First     int64  `json:"first"`
	Last      int64  `json:"last"`
	Reply     string `json:"reply"`
	Breaks    int    `json:"breaks"`
	Taken     bool   `json:"taken"`
	Reason    string `json:"reason"`

	unread bool
}

func rowOf(path string, w spool.Waiting, now time.Time) row {
	r := row{
		Type: "message", Maildir: path, File: w.File,
		Time: w.Time, Age: max(now.Unix()-w.Time, 0), Size: w.Size,
		Sender: w.Sender, Recipient: w.Recipient,
		Tries: w.Note.Tries, First: w.Note.First, Last: w.Note.Last, Reply: w.Note.Reply,
		Breaks: w.Note.Breaks, Taken: w.Note.Done, Reason: w.Note.Reason,
	}
	if w.Err != nil {
		r.Reason, r.unread = w.Err.Error(), true
	}
	return r
}

// remark is what there is to say of a message beyond its envelope.
func (r row) remark() string {
	var parts []string
	if r.Taken {
		parts = append(parts, "taken, but could not be removed")
	}
	if r.Breaks > 0 {
		parts = append(parts, "broke "+strconv.Itoa(r.Breaks)+" sessions")
	}
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	if r.Reply != "" {
		parts = append(parts, r.Reply)
	}
	return strings.Join(parts, "; ")
}
