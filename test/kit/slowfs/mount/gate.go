//go:build linux

package main

import (
	"sync"
	"time"
)

// A gate is what each call goes through before it is done.
type gate struct {
	delay time.Duration

	mu  sync.Mutex
	way chan struct{} // closed as long as calls may pass
}

func newGate(delay time.Duration) *gate {
	g := &gate{delay: delay, way: make(chan struct{})}
	close(g.way)
	return g
}

// pass returns when a call that begins now may be done.
func (g *gate) pass() {
	if g.delay > 0 {
		time.Sleep(g.delay)
	}
	g.mu.Lock()
	way := g.way
	g.mu.Unlock()
	<-way
}

// shut lets all calls hang.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.passes() {
		g.way = make(chan struct{})
	}
}

// open lets them go on.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.passes() {
		close(g.way)
	}
}

func (g *gate) passes() bool {
	select {
	case <-g.way:
		return true
	default:
		return false
	}
}
