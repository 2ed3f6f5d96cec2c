package history

import (
	"maps"
	"slices"
	"time"
)

const (
	// maxServers is how many of the customer's servers are known at once. Each session can
	// add one, under any name.
	maxServers = 8
	// keepServer is how long the note of a server is believed.
	keepServer = 7 * 24 * time.Hour
	// renewServer is how old a note must be to be written again.
	renewServer = 24 * time.Hour
	// maxServerWord is the longest key or word in bytes.
	maxServerWord = 40
)

// A serverNote is a word about how one server behaved.
type serverNote struct {
	word string
	when int64 // Unix seconds
}

// Server returns the word that was noted of a server in the last seven days, or "". The key
// identifies the server; it is any short text.
func (h *History) Server(key string) (word string) {
	if note := h.servers[key]; h.within(note, keepServer) {
		return note.word
	}
	return ""
}

// SetServer notes a word about a server. If there are too many, the oldest note goes.
func (h *History) SetServer(key, word string) {
	if note := h.servers[key]; note.word == word && h.within(note, renewServer) {
		return
	}
	if h.setServer(key, word, h.clock().Unix()) {
		h.addLine("server", key, word)
	}
}

func (h *History) within(note serverNote, limit time.Duration) bool {
	age := h.clock().Unix() - note.when
	return 0 <= age && age < int64(limit/time.Second)
}

// setServer reports if the words can be noted.
func (h *History) setServer(key, word string, when int64) bool {
	if key == "" || word == "" || len(key) > maxServerWord || len(word) > maxServerWord {
		return false
	}
	if h.servers == nil {
		h.servers = make(map[string]serverNote)
	}
	h.servers[key] = serverNote{word, when}
	for len(h.servers) > maxServers {
		delete(h.servers, h.oldestServer(key))
	}
	return true
}

// oldestServer returns the key of the oldest note, apart from the one given.
func (h *History) oldestServer(but string) (oldest string) {
	for _, key := range slices.Sorted(maps.Keys(h.servers)) {
		if key != but && (oldest == "" || h.servers[key].when < h.servers[oldest].when) {
			oldest = key
		}
	}
	return oldest
}

// appendServers writes the lines that restore the notes of servers.
func (h *History) appendServers(buf []byte) []byte {
	for _, key := range slices.Sorted(maps.Keys(h.servers)) {
		buf = appendNote(buf, h.servers[key].when, "server", key, h.servers[key].word)
	}
	return buf
}
