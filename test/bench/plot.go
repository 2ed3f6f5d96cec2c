package main

import (
	"bytes"
	"fmt"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The plot shows 4 KiB messages a second over the round trip: a line for each mode,
// the floor, and two peers as points.

// A series has the points of one mode or one peer.
type series struct {
	name   string
	points []point
}

// A point is messages a second at a round trip.
type point struct {
	rtt  time.Duration
	rate float64
}

const (
	plotWidth, plotHeight = 760, 470 // points
	plottedSize           = 4 << 10  // bytes of the messages shown
)

// plottedTrips are the round trips of the x axis, which are spaced equally.
func plottedTrips() []time.Duration {
	return []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 600 * time.Millisecond}
}

// peers were measured elsewhere, on other hardware with two cores: 4 KiB messages,
// one session.
func peers() []series {
	const ms = time.Millisecond
	return []series{
		{"serialmail 0.75", []point{{0, 22.7}, {20 * ms, 11.8}, {100 * ms, 4.9}}},
		{"Exim 4.99", []point{{0, 35}, {20 * ms, 8.6}, {100 * ms, 2.3}}},
	}
}

// ours extracts the lines from the results.
func ours(results []result) []series {
	var list []series
	for _, m := range modes() {
		s := series{name: m.says}
		for _, rtt := range plottedTrips() {
			if rate, ok := rateOf(results, fmt.Sprintf("%s-%dms-4k", m.name, rtt.Milliseconds())); ok {
				s.points = append(s.points, point{rtt, rate})
			}
		}
		if len(s.points) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// rateOf finds a row that was measured without a limit of bandwidth.
func rateOf(results []result, row string) (rate float64, ok bool) {
	for _, r := range results {
		if r.row == row && r.bandwidth == 0 {
			return r.rate, true
		}
	}
	return 0, false
}

// positions places each round trip on the x axis. If the rate is 0, the point is left
// out, because a logarithmic axis has no place for it.
func (s series) positions() plotter.XYs {
	var list plotter.XYs
	for _, p := range s.points {
		for i, rtt := range plottedTrips() {
			if rtt == p.rtt && p.rate > 0 {
				list = append(list, plotter.XY{X: float64(i), Y: p.rate})
			}
		}
	}
	return list
}

// picture draws the SVG.
func picture(results []result) ([]byte, error) {
	p := newPlot()
	for i, s := range ours(results) {
		if err := addLine(p, i, s); err != nil {
			return nil, err
		}
	}
	if rate, ok := rateOf(results, "floor-4k"); ok && rate > 0 {
		if err := addFloor(p, rate); err != nil {
			return nil, err
		}
	}
	for i, s := range peers() {
		if err := addPeer(p, i, s); err != nil {
			return nil, err
		}
	}
	// Leave room below the lines for the legend, and at the right for the last label.
	p.Y.Min, p.X.Max = 0.02, float64(len(plottedTrips()))-0.75
	writer, err := p.WriterTo(plotWidth, plotHeight, "svg")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	_, err = writer.WriteTo(&text)
	return text.Bytes(), err
}

func newPlot() *plot.Plot {
	p := plot.New()
	p.Title.Text = "4 KiB messages a second, one session, by what the customer's server offers\n" +
		"(serialmail and Exim were measured elsewhere, on other hardware with two cores)"
	p.X.Label.Text = "round trip"
	p.Y.Label.Text = "messages a second"
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	var names []string
	for _, rtt := range plottedTrips() {
		names = append(names, fmt.Sprintf("%d ms", rtt.Milliseconds()))
	}
	p.NominalX(names...)
	p.Legend.Left, p.Legend.YOffs = true, vg.Points(5)
	p.Add(plotter.NewGrid())
	return p
}

func addLine(p *plot.Plot, i int, s series) error {
	line, points, err := plotter.NewLinePoints(s.positions())
	if err != nil {
		return err
	}
	line.Color, line.Width = plotutil.Color(i), vg.Points(2)
	points.Color, points.Shape = plotutil.Color(i), draw.CircleGlyph{}
	p.Add(line, points)
	p.Legend.Add(s.name, line, points)
	return nil
}

// addFloor draws the rate of a program that only moves files to a socket.
func addFloor(p *plot.Plot, rate float64) error {
	last := float64(len(plottedTrips()) - 1)
	line, err := plotter.NewLine(plotter.XYs{{X: 0, Y: rate}, {X: last, Y: rate}})
	if err != nil {
		return err
	}
	line.Color, line.Dashes = color.Gray{Y: 0x60}, plotutil.Dashes(1)
	p.Add(line)
	p.Legend.Add(fmt.Sprintf("floor: files to a socket, no SMTP: %.0f/s", rate), line)
	return nil
}

func addPeer(p *plot.Plot, i int, s series) error {
	points, err := plotter.NewScatter(s.positions())
	if err != nil {
		return err
	}
	points.Color, points.Shape, points.Radius = color.Gray{Y: 0x60}, plotutil.Shape(i+1), vg.Points(4)
	p.Add(points)
	p.Legend.Add(s.name, points)
	return nil
}
