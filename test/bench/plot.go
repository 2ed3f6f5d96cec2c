package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A plot shows 4 KiB messages a second over the round trip: a line a mode, the
// floor, and two peers as points.

// A series is one mode's or one peer's points.
type series struct {
	class, name string
	points      []point
}

// A point is messages a second at a round trip.
type point struct {
	rtt  time.Duration
	rate float64
}

const (
	plotWidth, plotHeight = 760, 470
	left, right           = 70, 590 // of the area with the points
	top, bottom           = 70, 370
	plottedSize           = 4 << 10 // bytes of the messages that are shown
)

// plottedTrips are the round trips of the x axis, at equal distances.
func plottedTrips() []time.Duration {
	return []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 600 * time.Millisecond}
}

// peers were measured elsewhere, on other hardware with two cores: 4 KiB
// messages, one session.
func peers() []series {
	const ms = time.Millisecond
	return []series{
		{"serialmail", "serialmail 0.75", []point{{0, 22.7}, {20 * ms, 11.8}, {100 * ms, 4.9}}},
		{"exim", "Exim 4.99", []point{{0, 35}, {20 * ms, 8.6}, {100 * ms, 2.3}}},
	}
}

// ours takes the lines out of the results.
func ours(results []result) []series {
	var list []series
	for _, m := range modes() {
		s := series{class: m.name, name: m.says}
		for _, rtt := range plottedTrips() {
			row := fmt.Sprintf("%s-%dms-4k", m.name, rtt.Milliseconds())
			for _, r := range results {
				if r.row == row && r.bandwidth == 0 {
					s.points = append(s.points, point{rtt, r.rate})
				}
			}
		}
		if len(s.points) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func floorRate(results []result) float64 {
	for _, r := range results {
		if r.row == "floor-4k" {
			return r.rate
		}
	}
	return 0
}

// A scale maps rates to heights, by powers of ten.
type scale struct{ low, high int } // exponents

func scaleFor(floor float64, all []series) scale {
	s := scale{low: 0, high: 1}
	take := func(rate float64) {
		if rate > 0 {
			s.low = min(s.low, int(math.Floor(math.Log10(rate))))
			s.high = max(s.high, int(math.Ceil(math.Log10(rate))))
		}
	}
	take(floor)
	for _, one := range all {
		for _, p := range one.points {
			take(p.rate)
		}
	}
	return s
}

func (s scale) y(rate float64) float64 {
	part := (math.Log10(rate) - float64(s.low)) / float64(s.high-s.low)
	return bottom - part*(bottom-top)
}

// x gives a round trip its place.
func x(rtt time.Duration) float64 {
	trips := plottedTrips()
	for i, t := range trips {
		if t == rtt {
			return left + float64(i)*(right-left)/float64(len(trips)-1)
		}
	}
	return left
}

// plot draws the SVG.
func plot(results []result) []byte {
	lines, floor := ours(results), floorRate(results)
	s := scaleFor(floor, append(lines, peers()...))
	d := &drawing{}
	d.open()
	d.axes(s)
	if floor > 0 {
		d.floor(s.y(floor), floor)
	}
	for _, one := range lines {
		d.line(s, one)
	}
	for i, one := range peers() {
		d.marks(s, one)
		d.key(one, left+170*i)
	}
	d.f(`<text class="small" x="%d" y="%d">serialmail and Exim were measured elsewhere, on other hardware with two cores.</text>`, left, plotHeight-14)
	d.f(`</svg>`)
	return []byte(d.text.String())
}

// A drawing is an SVG that is being written.
type drawing struct{ text strings.Builder }

func (d *drawing) f(format string, args ...any) {
	fmt.Fprintf(&d.text, format+"\n", args...)
}
