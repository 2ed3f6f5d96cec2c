package docs

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// retired are words that once named things here, with the words that took their place:
// the field's own terms, which nobody has to be told. Three old words are missing, since
// they have an ordinary meaning: line (of text), group (of accounts), mailbox.
func retired() map[string]string {
	words := map[string]string{}
	for _, row := range []struct{ old, now string }{
		{"stander stands stood stand", "standing session"}, {"shelf", "retryTimes"}, {"shelve", "postpone"},
		{"toofresh", "tooRecent"}, {"forgood", "notThisSession"}, {"waits pace", "timings"},
		{"over", "cleanEnd"}, {"overbyterm", "endBySignal"}, {"inorder", "isCleanEnd"},
		{"beat", "keepAlive"}, {"told", "terminating"}, {"again", "retry"}, {"flying", "inFlight"},
		{"ahead", "lookahead"}, {"lent", "sendBuffer"}, {"due", "a time or a count with a name"},
		{"stuck", "mustStop"}, {"unnoted", "notesFailed"}, {"claim", "restrict or evict"},
		{"setaside", "quarantine or demote"}, {"become", "setuser"}, {"options", "flags"}, {"doctor", "checker"},
		{"rig", "loopback"}, {"logform", "logformat"}, {"mailsite", "testsite"}, {"need", "require"},
		{"company", "mailreaders"}, {"patron", "customer"}, {"siege weeks", "flakyline"}, {"pharmacy", "poison"},
		{"deed", "action"}, {"parcel", "message"}, {"fate", "expected"}, {"ledger", "accounting"},
		{"odd", "partialio"}, {"trip", "inject"}, {"visitors", "a word for what they do"},
	} {
		for word := range strings.FieldsSeq(row.old) {
			words[word] = row.now
		}
	}
	return words
}

// TestRetiredWords: no identifier, package or file of Go is named by a retired word. Names
// of a library are the library's.
func TestRetiredWords(t *testing.T) {
	words := retired()
	for dir, files := range allFiles(t) {
		for name, file := range files {
			base, _, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_")
			if now := words[base]; now != "" {
				t.Errorf("%s/%s: a file called %s, better %s", dir, name, base, now)
			}
			library := librariesOf(file.File)
			ast.Inspect(file.File, func(n ast.Node) bool {
				if library.names(n) {
					return false
				}
				if id, ok := n.(*ast.Ident); ok && words[strings.ToLower(id.Name)] != "" {
					t.Errorf("%s/%s:%d: %s, better %s", dir, name, file.line(id.Pos()), id.Name, words[strings.ToLower(id.Name)])
				}
				return true
			})
		}
	}
}

// libraries are the packages that a file imports from other modules, by their names in it.
type libraries map[string]bool

func librariesOf(file *ast.File) libraries {
	all := libraries{}
	for _, spec := range file.Imports {
		where := strings.Trim(spec.Path.Value, `"`)
		if strings.Contains(where, ".") && !strings.HasPrefix(where, "vodmr/") {
			all[path.Base(where)] = true
		}
	}
	return all
}

// names reports if n is a name of a library, or a literal of a library's type.
func (l libraries) names(n ast.Node) bool {
	if literal, ok := n.(*ast.CompositeLit); ok {
		n = literal.Type
	}
	name, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := name.X.(*ast.Ident)
	return ok && l[of.Name]
}
