package fetch

import (
	"strconv"
	"strings"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// dataCommand answers DATA and its content.
func (r *receiving) dataCommand(arg string) (smtp.Reply, error) {
	if arg != "" {
		return smtp.ReplyBadArgument("DATA takes no argument"), nil
	}
	if r.delivery != nil || r.spoilt {
		return smtp.ReplyBadSequence("the message began with BDAT: RSET first"), nil
	}
	if reply := r.contentRefusal(); reply.Code != 0 {
		return reply, nil
	}
	if r.begin(0); r.failed.Code != 0 {
		reply := r.failed
		r.reset()
		return reply, nil
	}
	r.server.Say(smtp.NewReply(354, "", "go on, end with a dot"))
	if err := r.server.Flush(); err != nil {
		return smtp.Reply{}, err
	}
	if err := r.readData(); err != nil {
		return smtp.Reply{}, err
	}
	return r.finish(), nil
}

// readData reads to the final dot. If more was read, it is the next command.
func (r *receiving) readData() error {
	var decoder dataDecoder
	for {
		p, err := r.readSome(contentBlock)
		if err != nil {
			return err
		}
		text, used, done := decoder.decode(r.text[:0], p)
		r.text = text
		r.take(text, used)
		if done {
			r.stream.unread(p[used:])
			return nil
		}
	}
}

// bdat answers one chunk (RFC 3030 section 2). A refused chunk is read all the
// same.
func (r *receiving) bdat(arg string) (smtp.Reply, error) {
	n, last, ok := chunkArgs(arg)
	if !ok {
		// How much content follows is anybody's guess.
		reply := smtp.NewReply(501, "5.5.4", "expected BDAT SIZE [LAST], closing")
		return reply, reply
	}
	refusal := r.chunkRefusal(n)
	if err := r.readChunk(n); err != nil {
		return smtp.Reply{}, err
	}
	switch {
	case r.failed.Code != 0:
		refusal = r.failed
		fallthrough
	case refusal.Code != 0:
		r.refuseChunk(last)
		return refusal, nil
	case last:
		return r.finish(), nil
	}
	return smtp.NewReply(250, "2.0.0", strconv.FormatInt(n, 10)+" octets received"), nil
}

// refuseChunk drops the message; the chunks that follow the refused one are
// refused too, up to the last or RSET.
func (r *receiving) refuseChunk(last bool) {
	open := r.open
	r.reset()
	if !last {
		r.open, r.spoilt = open, true
	}
}

// chunkRefusal begins the message at its first chunk, of n octets. Code 0 means that the
// chunk is welcome.
func (r *receiving) chunkRefusal(n int64) smtp.Reply {
	if r.spoilt {
		return smtp.ReplyBadSequence("a chunk of this message was refused: RSET first")
	}
	if r.delivery != nil {
		return smtp.Reply{}
	}
	if reply := r.contentRefusal(); reply.Code != 0 {
		return reply
	}
	r.begin(n)
	return r.failed
}

// chunkArgs reads BDAT's argument.
func chunkArgs(arg string) (n int64, last, ok bool) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 {
		return 0, false, false
	}
	size, err := strconv.ParseUint(words[0], 10, 63)
	last = len(words) == 2
	return int64(size), last, err == nil && (!last || address.Upper(words[1]) == "LAST")
}

// readChunk reads n octets, into the message if there is one.
func (r *receiving) readChunk(n int64) error {
	if int64(r.server.Lines.Buffered()) < n {
		// A long chunk takes its time, and the provider may need to know
		// whether a recipient was taken before it sends the next.
		if err := r.server.Flush(); err != nil {
			return err
		}
	}
	if r.standing {
		r.progress()
	}
	for n > 0 {
		p, err := r.readSome(min(n, contentBlock))
		if err != nil {
			return err
		}
		n -= int64(len(p))
		r.take(p, len(p))
	}
	return nil
}
