// Package version owns what each program says of its version. It imports nothing, since the programs that
// are started for each connection have it too.
package version

// Number is the version of all programs; CHANGES says what it has.
const Number = "0.1"

// commit is set by the linker alone: see the Makefile. Go would also write it into
// the programs by itself, but reading that costs them packages fmt and os.
var commit string

// Line is what -V prints: the program, its version, and the commit that it was
// built from.
func Line(program string) string {
	from := commit
	if from == "" {
		from = "commit unknown: built without make"
	}
	return program + " " + Number + " (" + from + ")\n"
}
