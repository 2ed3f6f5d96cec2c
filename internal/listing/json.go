package listing

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"vodmr/internal/logline"
	"vodmr/relay/spool"
)

// objects prints an object a line.
type objects struct{ out io.Writer }

func (o *objects) begin(string)     {}
func (o *objects) message(r row)    { o.print(r) }
func (o *objects) end(t totals)     { t.Type = "total"; o.print(t) }
func (o *objects) failed(string)    {}
func (o *objects) overall(t totals) { t.Type = "overall"; o.print(t) }
func (o *objects) finish()          {}

// print writes <, > and & as they are. JSON lets through what a terminal would obey, such
// as C1 controls and bidirectional ones: they become \uXXXX, which JSON takes for the
// same. A write error is the last Flush's to tell.
func (o *objects) print(v any) {
	var line strings.Builder
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	_, _ = io.WriteString(o.out, logline.Printable(strings.TrimSuffix(line.String(), "\n"))+"\n")
}

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
