// Command clusterload does for test/cluster what a shell cannot do well: it fills
// Maildirs, counts what arrived, takes a Maildir's lock over and over, and measures
// calls on files.
//
// usage:
//
//	clusterload fill MAILDIR FIRST COUNT BYTES UID
//	clusterload count INBOX FIRST COUNT
//	clusterload lock MAILDIR FLAG SECONDS
//	clusterload calls FOLDER COUNT
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	commands := map[string]func([]string) error{"fill": fill, "count": count, "lock": race, "calls": calls}
	wanted := map[string]int{"fill": 5, "count": 3, "lock": 3, "calls": 2}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil || len(os.Args)-2 != wanted[os.Args[1]] {
		fmt.Fprintln(os.Stderr, "usage: clusterload fill MAILDIR FIRST COUNT BYTES UID | count INBOX FIRST COUNT | lock MAILDIR FLAG SECONDS | calls FOLDER COUNT")
		os.Exit(100)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "clusterload:", err)
		os.Exit(111)
	}
}

// fill puts messages into a Maildir, as vdelivermail writes them.
func fill(args []string) error {
	dir := args[0]
	first, total, size, uid := number(args[1]), number(args[2]), number(args[3]), number(args[4])
	for i := first; i < first+total; i++ {
		text := fmt.Sprintf("Return-Path: <ann@sender.example>\nDelivered-To: sales@shop.example\n"+
			"Received: (qmail %d invoked by network); 22 Nov 2026 09:18:09 -0000\nSubject: message %d\nX-Number: %d\n\n", i, i, i)
		text += strings.Repeat("A line of forty-six bytes, counting its end...\n", max(0, size-len(text))/46)
		name := fmt.Sprintf("%d.%d.front", 1795339000+i/4, 100000+i)
		if err := deliver(dir, name, text, uid); err != nil {
			return err
		}
	}
	return nil
}

func deliver(dir, name, text string, uid int) error {
	tmp := filepath.Join(dir, "tmp", name)
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Chown(tmp, uid, uid); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "new", name))
}

// count says how many of these messages did not arrive, and how many more than once.
func count(args []string) error {
	first, total := number(args[1]), number(args[2])
	files, err := filepath.Glob(filepath.Join(args[0], "new", "*"))
	if err != nil {
		return err
	}
	arrived := map[int]int{}
	header := regexp.MustCompile(`(?m)^X-Number: (\d+)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if match := header.FindSubmatch(text); match != nil {
			arrived[number(string(match[1]))]++
		}
	}
	lost, twice := 0, 0
	for i := first; i < first+total; i++ {
		if arrived[i] == 0 {
			lost++
		} else {
			twice += arrived[i] - 1
		}
	}
	fmt.Printf("%d lost, %d twice\n", lost, twice)
	return nil
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, "clusterload: no number:", text)
		os.Exit(100)
	}
	return n
}
