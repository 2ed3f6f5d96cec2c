// Package version owns what each program says of its version. It imports nothing, since
// the programs that are started for each connection have it too.
package version

// Number is the version of all programs; CHANGES says what it has.
const Number = "0.2"

// commit is set by the linker: see the Makefile. Go would also write it into the programs
// by itself, but reading that costs them packages fmt and os.
var commit string

// shown is how much of a commit is shown, as in the Makefile.
const shown = 12

// Line is what -V prints: the program, its version, and the commit that it was
// built from.
func Line(program string) string {
	from := commit
	if from == "" {
		from = archivedCommit(archived)
	}
	if from == "" {
		from = "commit unknown: built without make"
	}
	return program + " " + Number + " (" + from + ")\n"
}

// archivedCommit is the commit that git archive wrote; empty if this is no archive.
func archivedCommit(text string) string {
	if text[0] == '$' || len(text) < shown {
		return ""
	}
	return text[:shown]
}
