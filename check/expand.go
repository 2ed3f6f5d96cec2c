package check

import (
	"cmp"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// expand replaces the substitutions that run scripts usually have: an account's numbers,
// the first line of a file, and variables that env or the script sets.
func (s *service) expand(script string, users lookUp) string {
	ask := regexp.MustCompile("(?:\\$\\(|`)id -([ug]) '?([A-Za-z0-9._-]+)'?(?:\\)|`)")
	script = ask.ReplaceAllStringFunc(script, func(found string) string {
		part := ask.FindStringSubmatch(found)
		account := s.account(part[2], users)
		if !account.known {
			return ""
		}
		if part[1] == "g" {
			return strconv.Itoa(int(account.gid))
		}
		return strconv.Itoa(int(account.uid))
	})
	script = s.substituteFiles(script)
	set := map[string]string{"PWD": s.dir}
	assign := regexp.MustCompile(`(?m)(?:^|&&|;)\s*(?:export\s+)?([A-Za-z_]\w*)=["']?([\w./@:-]*)["']?(?:\s|;|$)`)
	for _, m := range assign.FindAllStringSubmatch(script, -1) {
		set[m[1]] = m[2]
	}
	return os.Expand(script, func(name string) string {
		name, standard, _ := strings.Cut(name, ":-")
		if value, ok := set[name]; ok {
			return value
		}
		if value, ok := s.env[name]; ok {
			return value
		}
		return cmp.Or(standard, "$"+name)
	})
}

// substituteFiles replaces a command that prints a file's first line.
func (s *service) substituteFiles(script string) string {
	show := regexp.MustCompile(`\$\((?:head -n ?1|cat|<) ?([\w./-]+)\)`)
	return show.ReplaceAllStringFunc(script, func(found string) string {
		text, err := readText(ids{}, s.path(show.FindStringSubmatch(found)[1]))
		if err != nil {
			return ""
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return line
	})
}
