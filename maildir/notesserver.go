package maildir

import (
	"maps"
	"slices"
	"time"
)

const (
	// maxServers is how many of the customer's servers are known at once. Each session
	// can add one, whatever it likes to call itself.
	maxServers = 8
	// keepServer is how long what a server has shown is believed.
	keepServer = 7 * 24 * time.Hour
	// renewServer is how old a note must be to be written again.
	renewServer = 24 * time.Hour
	// maxServerWord is the longest key or word in bytes.
	maxServerWord = 40
)

// A serverNote is what one server has shown.
type serverNote struct {
	word string
	when int64 // Unix seconds
}

// Server is the word that was noted of a server in the last seven days; "" for none. The
// key says which server: any short text.
func (n *Notes) Server(key string) (word string) {
	if note := n.servers[key]; n.within(note, keepServer) {
		return note.word
	}
	return ""
}

// SetServer notes a word of a server. The oldest note makes room for it.
func (n *Notes) SetServer(key, word string) {
	if note := n.servers[key]; note.word == word && n.within(note, renewServer) {
		return
	}
	if n.setServer(key, word, n.clock().Unix()) {
		n.line("server", key, word)
	}
}

func (n *Notes) within(note serverNote, limit time.Duration) bool {
	age := n.clock().Unix() - note.when
	return 0 <= age && age < int64(limit/time.Second)
}

// setServer reports whether the words can be noted.
func (n *Notes) setServer(key, word string, when int64) bool {
	if key == "" || word == "" || len(key) > maxServerWord || len(word) > maxServerWord {
		return false
	}
	if n.servers == nil {
		n.servers = make(map[string]serverNote)
	}
	n.servers[key] = serverNote{word, when}
	for len(n.servers) > maxServers {
		delete(n.servers, n.oldestServer(key))
	}
	return true
}

// oldestServer is another than the one with that key.
func (n *Notes) oldestServer(but string) (oldest string) {
	for _, key := range slices.Sorted(maps.Keys(n.servers)) {
		if key != but && (oldest == "" || n.servers[key].when < n.servers[oldest].when) {
			oldest = key
		}
	}
	return oldest
}

// appendServers writes the lines that make the notes of servers again.
func (n *Notes) appendServers(buf []byte) []byte {
	for _, key := range slices.Sorted(maps.Keys(n.servers)) {
		buf = appendNote(buf, n.servers[key].when, "server", key, n.servers[key].word)
	}
	return buf
}
