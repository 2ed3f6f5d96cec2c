package getopt

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Help is what -h prints: the forms, then a line for each option with its default.
func (c *Command) Help() string {
	var b strings.Builder
	b.WriteString(c.usage())
	b.WriteString("options:\n")
	rows := [][2]string{}
	for _, o := range c.all() {
		left := "-" + string(o.Letter) + o.long
		if o.Value != "" {
			left += " " + o.Value
		}
		right := o.Help
		if o.Default != "" {
			right += " (default: " + o.Default + ")"
		}
		rows = append(rows, [2]string{left, right})
	}
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	for _, row := range rows {
		b.WriteString("  " + row[0] + strings.Repeat(" ", width-utf8.RuneCountInString(row[0])) + "  " + row[1] + "\n")
	}
	b.WriteString("see " + c.Program + "(" + strconv.Itoa(c.Section) + ")\n")
	return b.String()
}

// usage is the forms, one of which may be empty.
func (c *Command) usage() string {
	text := "usage: " + c.Program + " " + strings.Join(c.Forms, "\n       "+c.Program+" ") + "\n"
	return strings.ReplaceAll(text, " \n", "\n")
}
