package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// A guardPlay is one session behind a guard: both sides' bytes, without any connection.
type guardPlay struct {
	guard                *guard
	toServer, toProvider bytes.Buffer
	blocks               chan []byte // of the provider
	refused              error       // what fromProvider returned
	warnings             []string
}

func newGuardPlay(domains ...string) *guardPlay {
	p := &guardPlay{blocks: make(chan []byte, 100)}
	g := Guard{Domains: domains, Warn: func(err error) { p.warnings = append(p.warnings, err.Error()) }}
	p.guard = newGuard(g, newTracker(&Tally{}), &p.toServer, &p.toProvider)
	return p
}

// provider is the goroutine that reads the provider.
func (p *guardPlay) provider() {
	for block := range p.blocks {
		if p.refused = p.guard.fromProvider(block); p.refused != nil {
			return
		}
	}
}

// TestGuard plays testdata/guard. Each line is what one side says or must have got:
//
//	P> text    the provider says a line; several such lines are one packet
//	S< text    the server has got it next
//	S> text    the server says a line
//	P< text    the provider has got it next
//	warned     atrn has told of the provider's behaviour
//	cut        nothing more is passed on to the server
//
// With \ at its end no line end follows a line. Escapes are Go's. Other lines are comments.
// The guard passes on mail for example.org and example.net, unless the comment says "any
// domain". At the end both sides must have got no more.
func TestGuard(t *testing.T) {
	names, err := filepath.Glob("testdata/guard/*.txt")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { playGuard(t, string(text)) })
		})
	}
}

func playGuard(t *testing.T, text string) {
	domains := []string{"example.org", "Example.NET"}
	if strings.Contains(text, "any domain") {
		domains = nil
	}
	p := newGuardPlay(domains...)
	go p.provider()
	defer func() {
		close(p.blocks)
		p.guard.end(errServerEnded)
	}()
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "P> ") {
			p.line(t, i+1, lines[i])
			continue
		}
		packet := []byte(nil)
		for ; i < len(lines) && strings.HasPrefix(lines[i], "P> "); i++ {
			packet = append(packet, said(t, lines[i])...)
		}
		i--
		p.blocks <- packet
		synctest.Wait()
	}
	if p.toServer.Len()+p.toProvider.Len() > 0 {
		t.Errorf("more than expected: the server got %q, the provider %q", &p.toServer, &p.toProvider)
	}
	if len(p.warnings) > 0 && !strings.Contains(text, "\nwarned\n") {
		t.Errorf("it warned: %q", p.warnings)
	}
}

// said is what a line says.
func said(t *testing.T, line string) string {
	t.Helper()
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.TrimSuffix(line[3:], `\`), `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if strings.HasSuffix(line, `\`) {
		return text
	}
	return text + "\r\n"
}

func (p *guardPlay) line(t *testing.T, number int, line string) {
	t.Helper()
	synctest.Wait()
	switch {
	case line == "warned" && len(p.warnings) != 1:
		t.Errorf("line %d: it warned of %q", number, p.warnings)
	case line == "cut" && p.guard.ended == nil:
		t.Errorf("line %d: it is not cut", number)
	case strings.HasPrefix(line, "S> "):
		if err := p.guard.fromServer([]byte(said(t, line))); err != nil {
			t.Fatal(err)
		}
	case strings.HasPrefix(line, "S< "):
		next(t, number, &p.toServer, said(t, line))
	case strings.HasPrefix(line, "P< "):
		next(t, number, &p.toProvider, said(t, line))
	}
	synctest.Wait()
}

// next takes a text off the start of a buffer.
func next(t *testing.T, number int, got *bytes.Buffer, want string) {
	t.Helper()
	if rest, ok := bytes.CutPrefix(got.Bytes(), []byte(want)); ok {
		rest = slices.Clone(rest)
		got.Reset()
		got.Write(rest)
		return
	}
	t.Fatalf("line %d: got %q, want %q", number, got, want)
}
