package listing

import (
	"encoding/json"
	"io"
	"strings"

	"vodmr/internal/locate"
	"vodmr/internal/logline"
)

// objects prints an object a line.
type objects struct{ out io.Writer }

// A total is the last object of a Maildir, and of all.
type total struct {
	Type     string `json:"type"`
	Login    string `json:"login"`
	Maildir  string `json:"maildir"`
	Maildirs int    `json:"maildirs"`
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
	Oldest   int64  `json:"oldest"`
	Tried    int64  `json:"tried"`
	Unread   int64  `json:"unreadable"`
}

func (o *objects) begin(locate.Place, string) {}
func (o *objects) message(r row)              { o.print(r) }
func (o *objects) end(t totals)               { o.print(totalOf("total", t)) }
func (o *objects) failed(string)              {}
func (o *objects) overall(t totals)           { o.print(totalOf("overall", t)) }
func (o *objects) finish()                    {}

func totalOf(kind string, t totals) total {
	return total{kind, t.place.Login, t.path, t.maildirs, t.messages, t.bytes, t.oldest, t.tried, t.unread}
}

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
