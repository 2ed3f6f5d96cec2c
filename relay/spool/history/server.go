package history

import (
	"cmp"
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
	if note := h.state.servers[key]; h.state.within(note, keepServer) {
		return note.word
	}
	return ""
}

// SetServer notes a word about a server. If there are too many, the oldest note goes.
func (h *History) SetServer(key, word string) {
	if note := h.state.servers[key]; note.word == word && h.state.within(note, renewServer) {
		return
	}
	if h.state.setServer(key, word, h.state.clock().Unix()) {
		h.addLine("server", key, word)
	}
}

func (s *state) within(note serverNote, limit time.Duration) bool {
	age := s.clock().Unix() - note.when
	return 0 <= age && age < int64(limit/time.Second)
}

// setServer reports if the words can be noted.
func (s *state) setServer(key, word string, when int64) bool {
	if key == "" || word == "" || len(key) > maxServerWord || len(word) > maxServerWord {
		return false
	}
	if s.servers == nil {
		s.servers = make(map[string]serverNote)
	}
	s.servers[key] = serverNote{word, when}
	if len(s.servers) > maxServers {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(s.servers)), func(other string) bool { return other == key })
		delete(s.servers, slices.MinFunc(others, func(a, b string) int {
			return cmp.Compare(s.servers[a].when, s.servers[b].when)
		}))
	}
	return true
}
