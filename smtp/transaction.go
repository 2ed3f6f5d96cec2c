package smtp

import "io"

// A Transaction is one message for one or more recipients.
type Transaction struct {
	From string   // the reverse path in RFC 5321's form, without <>; "" for the null sender
	To   []string // the recipients in RFC 5321's form, without <>

	// Body is the stored message. It is used until its content went out, and
	// Source.Next is not called before that: one buffer serves them all.
	Body []byte
	// Stream is set instead of Body for a message too large to hold.
	Stream io.Reader
	// Size is the message's size in octets on the wire; with Stream at
	// least that many, and exact if the server offers SIZE or 8BITMIME.
	Size int64

	EightBit bool // the content has bytes beyond ASCII
	UTF8     bool // an address has bytes beyond ASCII (RFC 6531)

	// Plain asks for lock step, no extensions, and no other transaction in flight.
	Plain bool
	// AskOnly names the recipients and takes them back with RSET: no content is sent. Each
	// Decision is the reply to MAIL or to that recipient's RCPT.
	AskOnly bool
}

// A Source says what to send next and learns what became of it.
type Source interface {
	// Next returns the next transaction, or nil if there is none now; it is
	// asked again after each answer.
	Next() *Transaction
	// Begun says that tx is about to be sent; Sending is called before the first
	// byte of all that have begun since goes out.
	Begun(tx *Transaction)
	Sending()
	// Answered gets what decided for each of tx.To.
	Answered(tx *Transaction, decisions []Decision)
	// Failed says that tx could not be sent since its Stream failed; the server
	// has thrown away what it got of it.
	Failed(tx *Transaction, err error)
}

// A Decision is the reply that decided for one recipient.
type Decision struct {
	Reply Reply
	Stage Stage
	// After is how many recipients of the transaction were accepted before this
	// one was answered.
	After int
}

// A Stage is the command that a deciding reply answered.
type Stage int

const (
	StageMail Stage = iota
	StageRcpt
	StageContent
)

// step is what a flight emits next.
type step int

const (
	stepReset step = iota
	stepMail
	stepRcpt
	stepData     // DATA, or a message's only or first BDAT
	stepWait     // nothing before a reply came: 354, or the first accepted recipient
	stepContent  // DATA's content from memory
	stepStream   // DATA's content, or further BDATs, from a Stream
	stepFinished // nothing is left to emit
)

// A flight is a transaction that was begun: what is still to be said and what
// the server answered.
type flight struct {
	tx       *Transaction
	number   int // the first that begins is 1
	step     step
	plain    bool // it uses no extension
	lockStep bool
	chunking bool
	rcpt     int // recipients named so far

	owed     int // replies that are still to come
	mail     Reply
	rcpts    []Reply
	content  Reply
	failed   error
	mailEnd  int64 // the stream's offset behind MAIL; 0 before
	end      int64 // the stream's offset behind the content's last octet; 0 before
	encoder  Encoder
	begun    []byte // of a Stream: octets of a line that the next BDAT ends
	accepted int    // recipients
	fenced   bool   // RSET was said behind it, see Sender.fence

	restrained bool // it began under a Restraint
}

// decisions returns what decides for each recipient: the first refusal that was
// its own. A RCPT after a refused MAIL, or content without a recipient, is
// refused for no reason of its own.
func (f *flight) decisions() []Decision {
	decisions := make([]Decision, len(f.tx.To))
	accepted := 0
	for i := range decisions {
		d := Decision{Reply: f.content, Stage: StageContent, After: accepted}
		switch {
		case !f.mail.Accepted():
			d.Reply, d.Stage = f.mail, StageMail
		case !f.rcpts[i].Accepted():
			d.Reply, d.Stage = f.rcpts[i], StageRcpt
		case f.tx.AskOnly:
			d.Reply, d.Stage = f.rcpts[i], StageRcpt
			accepted++
		default:
			accepted++
		}
		decisions[i] = d
	}
	return decisions
}

// refused reports if any recipient was.
func (f *flight) refused() bool {
	return !f.mail.Accepted() || f.accepted < len(f.tx.To) || !f.content.Accepted()
}

// bdatInstead has the content go by BDAT, behind the recipient that was accepted.
func (f *flight) bdatInstead() {
	f.chunking, f.encoder.Dots, f.step = true, false, stepData
}

// rcptsAnswered reports if each recipient has its reply.
func (f *flight) rcptsAnswered() bool { return len(f.rcpts) == len(f.tx.To) }

// An expect is a reply that the server owes, in the order of the commands.
type expect struct {
	kind   expectKind
	flight *flight // nil for NOOP's and the probe's
	end    int64   // the stream's offset behind the command
	probe  bool
}

type expectKind int

const (
	expectReset expectKind = iota
	expectMail
	expectRcpt
	expectData
	expectContent // the content's, or BDAT LAST's
	expectChunk   // a BDAT's that is not the last
	expectNoop
)
