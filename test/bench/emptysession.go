package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const emptyRounds = 200

// A chainAt is the whole chain with the programs of one folder.
type chainAt struct {
	what     string
	provider *provider
	wall     []float64 // milliseconds
}

// runEmptySession measures from connecting to 453, with a login between. With -before,
// programs of an earlier version take turns with these.
func runEmptySession(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	folders := map[string]string{"now": b.bin}
	if b.before != "" {
		folders["before"] = b.before
	}
	chains := map[string]*chainAt{}
	for what, folder := range folders {
		at := *b
		at.bin = folder
		p, err := at.startProvider(home)
		if err != nil {
			return nil, err
		}
		defer p.end()
		chains[what] = &chainAt{what: what, provider: p}
	}
	for range emptyRounds {
		for _, c := range chains {
			if err := c.once(); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", c.what, err, c.provider.log)
			}
		}
	}
	return compareSessions(r, chains["now"], chains["before"]), nil
}

// once is one session.
func (c *chainAt) once() error {
	began := time.Now()
	conn, err := logIn(c.provider.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(began.Add(time.Minute))
	if _, err := io.WriteString(conn, "ATRN\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "453 ") {
		err = errors.New("ATRN gets " + line)
	}
	c.wall = append(c.wall, milliseconds(time.Since(began)))
	return err
}

// compareSessions takes medians; before may be nil.
func compareSessions(r row, now, before *chainAt) []result {
	one := result{row: r.name, mode: "-", wall: median(now.wall)}
	one.note = fmt.Sprintf("%.2f ms from connecting to 453; behind %s", one.wall, now.provider.name)
	if before != nil {
		one.ratio = one.wall / median(before.wall)
		one.note += fmt.Sprintf("; before %.2f ms, so %.2f x", median(before.wall), one.ratio)
	}
	return []result{one}
}
