package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/maildir/lock"
)

// race takes the lock of a Maildir as often as it can. Its holder makes the file FLAG, which
// is on a local disk that all hosts have: if that is there already, two have the lock.
func race(args []string) error {
	dir, flag := args[0], args[1]
	end := time.Now().Add(time.Duration(number(args[2])) * time.Second)
	var took []time.Duration
	held, refused, overlaps := 0, 0, 0
	for time.Now().Before(end) {
		got, spent, err := once(dir, flag, &overlaps)
		if err != nil {
			return err
		}
		took = append(took, spent)
		if got {
			held++
		} else {
			refused++
		}
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	}
	fmt.Printf("%d times held, %d refused, %d overlaps, median %.1f ms\n", held, refused, overlaps, milliseconds(median(took)))
	return nil
}

// once opens the Maildir, takes its lock if it can, and gives it back.
func once(dir, flag string, overlaps *int) (got bool, spent time.Duration, err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return false, 0, err
	}
	defer unix.Close(fd)
	l := lock.New(fd, dir)
	defer l.Release()
	began := time.Now()
	err = l.Acquire()
	spent = time.Since(began)
	if errors.Is(err, lock.ErrLocked) {
		return false, spent, nil
	}
	if err != nil {
		return false, spent, err
	}
	made, err := os.OpenFile(flag, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		*overlaps++
		return true, spent, nil
	}
	made.Close()
	time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	return true, spent, os.Remove(flag)
}

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
