package smtp

// A Peer is what is known of the server on the other side: what it offers, what it has
// shown, and how much of its offers is used.
type Peer struct {
	Extensions Extensions
	// Evidence is set before the first Run to what earlier sessions have shown, and may
	// be read after each.
	Evidence Evidence
	// Fingerprint is a key for the server by what it said to Hello; "" behind HELO.
	Fingerprint string

	restraint Restraint
	probe     probe
	noDATA    bool // the server does not know DATA
}

// A Restraint bounds how far a Sender runs ahead, whatever the server offers. It is
// for a server that proved unable to keep up with what it offers.
type Restraint int

const (
	// Unrestrained uses what the server offers.
	Unrestrained Restraint = iota
	// OneTransaction begins no transaction before the one before it is answered.
	OneTransaction
	// LockStep awaits the reply to each command, and uses no extension, as
	// Transaction.Plain does for one transaction.
	LockStep
)

// Restrain holds for the transactions that begin from now on. It may be called before
// Run, between two Runs, and by the Source that a Run calls.
func (p *Peer) Restrain(r Restraint) { p.restraint = r }

// restrained says whether the Sender runs less far ahead than the server offers.
func (p *Peer) restrained() bool { return p.restraint != Unrestrained }

// plain says whether tx is sent in lock step and without extensions.
func (p *Peer) plain(tx *Transaction) bool {
	return tx.Plain || p.restraint == LockStep || p.Evidence == OutOfStep
}

// lockStep says whether each command of tx awaits the reply to the one before it.
func (p *Peer) lockStep(tx *Transaction) bool {
	return p.plain(tx) || !p.Extensions.Pipelining || p.noDATA
}

// chunks says whether tx may go by BDAT.
func (p *Peer) chunks(tx *Transaction) bool {
	x := p.Extensions
	return x.Chunking && !tx.AskOnly && !p.lockStep(tx) &&
		(p.Evidence == Drains || p.Evidence == Unproven && !p.probe.open) &&
		(x.MailMax == 0 || x.MailMax > fewMails)
}

// offered is what a transaction may use of the server's extensions. A plain one uses none
// but SMTPUTF8, without which its address could not be said.
func (p *Peer) offered(plain bool) Extensions {
	if plain {
		return Extensions{}
	}
	return p.Extensions
}

// lacksDATA takes a reply to DATA and says whether the content can go by BDAT instead,
// since the server does not know DATA. All that follows is in lock step then.
func (p *Peer) lacksDATA(reply Reply) bool {
	if (reply.Code != 500 && reply.Code != 502) || !p.Extensions.Chunking {
		return false
	}
	p.noDATA = true
	return true
}
