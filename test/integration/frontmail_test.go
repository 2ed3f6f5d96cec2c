package integration

import (
	"fmt"
	"strings"

	"vodmr/test/kit/mtafront"
)

// A frontMail is one of the fourteen messages that each front takes.
type frontMail struct {
	name string
	mtafront.Mail
}

// number is the value of the message's idHeader.
func (m *frontMail) number() string { return id(m.Content) }

// Recipients that begin with unknown are refused by the customer's server.
const unknown = "unknown"

// forgedLines are those that delivery agents write, written by a sender.
const forgedLines = "Return-Path: <boss@bank.test>\n" +
	"Delivered-To: forged@example.org\n" +
	"X-Original-To: forged@example.org\n" +
	"Envelope-to: forged@example.org\n"

func frontMails() []frontMail {
	at := func(local string) string { return local + "@" + mtafront.Domain }
	list := []frontMail{
		{"plain", mtafront.Mail{To: []string{at("bob")}}},
		{"three recipients", mtafront.Mail{To: []string{at("carol"), at("dave"), at("erin")}}},
		{"null sender", mtafront.Mail{To: []string{at("frank")}}},
		{"quoted recipient", mtafront.Mail{To: []string{at(`"john doe"`)}}},
		{"quoted sender", mtafront.Mail{From: `"odd sender"@` + mtafront.SenderDomain, To: []string{at("grace")}}},
		{"unknown user", mtafront.Mail{To: []string{at(unknown)}}},
		{"upper case", mtafront.Mail{To: []string{"Heidi.Upper@" + strings.ToUpper(mtafront.Domain)}}},
		{"forged lines", mtafront.Mail{To: []string{at("ivan")}, Content: forgedLines}},
		{"UTF-8", mtafront.Mail{To: []string{at("jürgen")}, UTF8: true}},
		{"alias domain", mtafront.Mail{To: []string{"kim@" + mtafront.AliasDomain}}},
		{"extension", mtafront.Mail{To: []string{at("leo+ext")}}},
		{"null sender, unknown user", mtafront.Mail{To: []string{at(unknown + "-null")}}},
		{"8-bit", mtafront.Mail{To: []string{at("mia")}, Content: "\xe9\xff and é\n"}},
		{"12 MB", mtafront.Mail{To: []string{at("nina")}, Content: strings.Repeat(strings.Repeat("x", 79)+"\n", 12<<20/80)}},
	}
	for i := range list {
		list[i].complete(i)
	}
	return list
}

// complete gives a message its sender and a whole header, to which no server adds. What
// is in Content is put on top if it is lines of a header.
func (m *frontMail) complete(n int) {
	if m.From == "" && !strings.HasPrefix(m.name, "null") {
		m.From = "ann@" + mtafront.SenderDomain
	}
	header := fmt.Sprintf("Date: Sat, 28 Nov 2026 12:00:00 +0000\n"+
		"Message-ID: <%d.front@sender.test>\n"+
		"From: Ann <ann@sender.test>\nTo: list@sender.test\n"+
		"Subject: %s\n%s%d\n\n", n, m.name, idHeader, n)
	if m.Content == forgedLines {
		m.Content += header + "forged\n"
		return
	}
	m.Content = header + m.name + "\n" + m.Content
}
