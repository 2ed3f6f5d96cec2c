package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const idleSessions = 50

// runIdle measures the memory of sessions that have logged in and wait before ATRN. A
// shared page is counted once, divided among its processes.
func runIdle(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	provider, err := b.startProvider(home)
	if err != nil {
		return nil, err
	}
	defer provider.end()
	for range idleSessions {
		conn, err := logIn(provider.address)
		if err != nil {
			return nil, errors.Join(err, errors.New(provider.log.String()))
		}
		defer conn.Close()
	}
	time.Sleep(time.Second) // until all of them are waiting
	// A session that is logged in is one process.
	front, relay := memory(filepath.Join(b.bin, "vodmr")), memory(filepath.Join(b.bin, "vodmr-relay"))
	if len(front) != 0 || len(relay) != idleSessions {
		return nil, fmt.Errorf("skipped: /proc shows %d processes of vodmr and %d of vodmr-relay, not 0 and %d", len(front), len(relay), idleSessions)
	}
	one := result{row: r.name, mode: "-", pss: mean(relay)}
	one.note = fmt.Sprintf("PSS a session %.0f KiB: vodmr-relay alone; behind %s", one.pss, provider.name)
	return []result{one}, nil
}

// memory returns the memory of each process of a program, in KiB.
func memory(path string) []float64 {
	var list []float64
	for _, pid := range processes(path) {
		if kib := pss(pid); kib > 0 {
			list = append(list, float64(kib))
		}
	}
	return list
}

// processes returns the process ids of a program.
func processes(path string) []int {
	var list []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe")); err == nil && exe == path {
			list = append(list, pid)
		}
	}
	return list
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(len(list))
}
