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

// usage is the forms.
func (c *Command) usage() string {
	text := ""
	for i, form := range c.Forms {
		start := "usage: "
		if i > 0 {
			start = "       "
		}
		text += strings.TrimRight(start+c.Program+" "+form, " ") + "\n"
	}
	return text
}
