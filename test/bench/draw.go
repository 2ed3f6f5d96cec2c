package main

import (
	"math"
	"strconv"
)

// style has its own ground, so that the plot can be read on a page of any
// colour; it follows the reader's choice of light or dark.
const style = `<style>
	text { font: 14px system-ui, sans-serif; fill: #1f2328 }
	.title { font-size: 17px; font-weight: 600 }
	.small { font-size: 12px; fill: #59636e }
	.ground { fill: #ffffff }
	.grid { stroke: #d8dee4; fill: none }
	.floor { stroke: #59636e; stroke-dasharray: 6 4; fill: none }
	polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round }
	polyline.chunking { stroke: #0969da } circle.chunking, text.chunking { fill: #0969da }
	polyline.pipelining { stroke: #bc4c00 } circle.pipelining, text.pipelining { fill: #bc4c00 }
	polyline.nothing { stroke: #1a7f37 } circle.nothing, text.nothing { fill: #1a7f37 }
	.peer { fill: #ffffff; stroke: #59636e; stroke-width: 2 }
	@media (prefers-color-scheme: dark) {
		text { fill: #e6edf3 }
		.small { fill: #9198a1 }
		.ground { fill: #0d1117 }
		.grid { stroke: #30363d }
		.floor { stroke: #9198a1 }
		polyline.chunking { stroke: #58a6ff } circle.chunking, text.chunking { fill: #58a6ff }
		polyline.pipelining { stroke: #f0883e } circle.pipelining, text.pipelining { fill: #f0883e }
		polyline.nothing { stroke: #3fb950 } circle.nothing, text.nothing { fill: #3fb950 }
		.peer { fill: #0d1117; stroke: #9198a1 }
	}
</style>`

func (d *drawing) open() {
	d.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">`,
		plotWidth, plotHeight, plotWidth, plotHeight)
	d.f(`<title id="t">vodmr: messages a second over the round trip, by what the customer's server offers</title>`)
	d.f("%s", style)
	d.f(`<rect class="ground" width="%d" height="%d" rx="6"/>`, plotWidth, plotHeight)
	d.f(`<text class="title" x="%d" y="30">Messages a second, by what the customer's server offers</text>`, left)
	d.f(`<text class="small" x="%d" y="50">4 KiB messages, one session, logarithmic scale</text>`, left)
}

// axes draws a line for each power of ten and the round trips below.
func (d *drawing) axes(s scale) {
	for e := s.low; e <= s.high; e++ {
		rate := math.Pow10(e)
		y := s.y(rate)
		d.f(`<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, left, y, right, y)
		d.f(`<text class="small" x="%d" y="%.1f" text-anchor="end">%s</text>`, left-8, y+4, strconv.FormatFloat(rate, 'f', -1, 64))
	}
	for _, rtt := range plottedTrips() {
		d.f(`<text class="small" x="%.1f" y="%d" text-anchor="middle">%d ms</text>`, x(rtt), bottom+20, rtt.Milliseconds())
	}
	d.f(`<text class="small" x="%d" y="%d" text-anchor="middle">round trip</text>`, (left+right)/2, bottom+40)
}

func (d *drawing) floor(y, rate float64) {
	d.f(`<line class="floor" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, left, y, right, y)
	d.f(`<text class="small" x="%d" y="%.1f">floor: files to a socket,</text>`, right+10, y-2)
	d.f(`<text class="small" x="%d" y="%.1f">no SMTP: %.0f/s</text>`, right+10, y+13, rate)
}

// line draws a mode, with its name at the end.
func (d *drawing) line(s scale, one series) {
	points := ""
	for _, p := range one.points {
		points += strconv.FormatFloat(x(p.rtt), 'f', 1, 64) + "," + strconv.FormatFloat(s.y(p.rate), 'f', 1, 64) + " "
	}
	d.f(`<polyline class="%s" points="%s"/>`, one.class, points)
	for _, p := range one.points {
		d.f(`<circle class="%s" cx="%.1f" cy="%.1f" r="4"><title>%s, %v: %s/s</title></circle>`,
			one.class, x(p.rtt), s.y(p.rate), one.name, p.rtt, brief(p.rate))
	}
	last := one.points[len(one.points)-1]
	name := map[string]string{"chunking": "CHUNKING", "pipelining": "PIPELINING", "nothing": "nothing offered"}[one.class]
	d.f(`<text class="%s" x="%.1f" y="%.1f">%s: %s/s</text>`, one.class, x(last.rtt)+10, s.y(last.rate)+5, name, brief(last.rate))
}

// brief is a rate with two or three digits that count.
func brief(rate float64) string {
	digits := 0
	if rate < 10 {
		digits = 1
	}
	return strconv.FormatFloat(rate, 'f', digits, 64)
}

// marks draws a peer's points.
func (d *drawing) marks(s scale, one series) {
	for _, p := range one.points {
		d.mark(one.class, x(p.rtt), s.y(p.rate))
	}
}

// mark draws a square for serialmail, a diamond for Exim.
func (d *drawing) mark(class string, cx, cy float64) {
	turn := 0
	if class == "exim" {
		turn = 45
	}
	d.f(`<rect class="peer" x="%.1f" y="%.1f" width="9" height="9" transform="rotate(%d %.1f %.1f)"/>`,
		cx-4.5, cy-4.5, turn, cx, cy)
}

// key explains a peer's mark.
func (d *drawing) key(one series, at int) {
	d.mark(one.class, float64(at+5), plotHeight-38)
	d.f(`<text class="small" x="%d" y="%d">%s</text>`, at+18, plotHeight-34, one.name)
}
