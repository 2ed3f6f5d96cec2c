// Mailreaders stands in for the other programs that use a mailbox while vodmr works:
// qmail-local, which delivers, and a mail reader.
//
//	mailreaders [-s SEED] [-t TIME] [-r RATE] [-d] MAILDIR...
//
// It delivers the files of each tmp/ into new/, oldest first, spread over that time.
// RATE times a second, spread over the Maildirs, it moves a message from new/ to
// cur/, changes flags, or counts maildirsize anew. If -d is given, it also deletes
// messages, and prints "deleted FILE" for each one that is gone.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const (
	exitMisuse = 100
	exitBroken = 111
)

func main() { os.Exit(run()) }

func run() int {
	seed := flag.Uint64("s", 1, "what is random follows from it")
	span := flag.Duration("t", time.Second, "how long it stays")
	rate := flag.Float64("r", 0, "how often a second it does something else than deliver")
	deletes := flag.Bool("d", false, "it deletes, too")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: mailreaders [-s SEED] [-t TIME] [-r RATE] [-d] MAILDIR...")
		return exitMisuse
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	var boxes []*box
	for _, path := range flag.Args() {
		b, err := open(path, random, *deletes)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mailreaders:", err)
			return exitBroken
		}
		boxes = append(boxes, b)
	}
	if err := stay(boxes, random, *span, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "mailreaders:", err)
		return exitBroken
	}
	return 0
}

// stay works in the boxes for the span, and until everything is delivered.
func stay(boxes []*box, random *rand.Rand, span time.Duration, rate float64) error {
	plan := schedule(boxes, random, span, rate)
	began := time.Now()
	for _, d := range plan {
		time.Sleep(time.Until(began.Add(d.at)))
		if err := d.what(); err != nil {
			return err
		}
	}
	return nil
}
