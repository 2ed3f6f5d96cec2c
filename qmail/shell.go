package qmail

import "strings"

// ShellCommands cuts a command line or a script into simple commands and those
// into words, as far as sh does it without expanding anything. Quotes that are
// not closed reach to the end.
func ShellCommands(script string) [][]string {
	var s shellSplit
	for s.rest = script; s.rest != ""; {
		s.step()
	}
	s.endCommand()
	return s.commands
}

// shellSplit is how far the line has been cut.
type shellSplit struct {
	rest     string
	word     []byte
	inWord   bool // tells '' from no word at all
	words    []string
	commands [][]string
}

func (s *shellSplit) step() {
	c := s.rest[0]
	s.rest = s.rest[1:]
	switch {
	case c == ' ' || c == '\t':
		s.endWord()
	case strings.IndexByte("|&;()<>\n", c) >= 0:
		s.endCommand()
	case c == '#' && !s.inWord:
		_, s.rest, _ = strings.Cut(s.rest, "\n")
		s.endCommand() // the line's end ends it
	case c == '\'':
		text, rest, _ := strings.Cut(s.rest, "'")
		s.add([]byte(text)...)
		s.rest = rest
	case c == '"':
		s.doubleQuoted()
	case c == '\\':
		s.escaped()
	default:
		s.add(c)
	}
}

func (s *shellSplit) add(c ...byte) {
	s.word = append(s.word, c...)
	s.inWord = true
}

func (s *shellSplit) doubleQuoted() {
	s.inWord = true
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch c {
		case '"':
			return
		case '\\':
			s.escaped()
		default:
			s.add(c)
		}
	}
}

// escaped takes one character as it is; an escaped line end is none at all.
func (s *shellSplit) escaped() {
	if s.rest == "" {
		return
	}
	if s.rest[0] != '\n' {
		s.add(s.rest[0])
	}
	s.rest = s.rest[1:]
}

func (s *shellSplit) endWord() {
	if s.inWord {
		s.words = append(s.words, string(s.word))
	}
	s.word, s.inWord = nil, false
}

func (s *shellSplit) endCommand() {
	s.endWord()
	if s.words != nil {
		s.commands = append(s.commands, s.words)
	}
	s.words = nil
}
