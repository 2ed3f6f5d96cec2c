package smtp

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
func (s *Sender) Restrain(r Restraint) { s.restraint = r }

// plain says whether tx is sent in lock step and without extensions.
func (s *Sender) plain(tx *Transaction) bool {
	return tx.Plain || s.restraint == LockStep || s.Evidence == OutOfStep
}

// lockStep says whether each command of tx awaits the reply to the one before it.
func (s *Sender) lockStep(tx *Transaction) bool {
	return s.plain(tx) || !s.Extensions.Pipelining || s.noDATA
}
