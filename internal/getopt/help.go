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
	left := func(o Option) string { return strings.TrimRight("-"+string(o.Letter)+o.long+" "+o.Value, " ") }
	width := 0
	for _, o := range c.all() {
		width = max(width, utf8.RuneCountInString(left(o)))
	}
	for _, o := range c.all() {
		right := o.Help
		if o.Default != "" {
			right += " (default: " + o.Default + ")"
		}
		b.WriteString("  " + left(o) + strings.Repeat(" ", width-utf8.RuneCountInString(left(o))) + "  " + right + "\n")
	}
	b.WriteString("see " + c.Program + "(" + strconv.Itoa(c.Section) + ")\n")
	return b.String()
}

// usage is the forms, one of which may be empty.
func (c *Command) usage() string {
	text := "usage: " + c.Program + " " + strings.Join(c.Forms, "\n       "+c.Program+" ") + "\n"
	return strings.ReplaceAll(text, " \n", "\n")
}
