package smtp

// The replies that a server of this project gives, each with its reason in its
// name. Enhanced codes are RFC 3463's.

func ReplyOK() Reply             { return NewReply(250, "2.0.0", "ok") }
func ReplyBye(host string) Reply { return NewReply(221, "2.0.0", host+" goodbye") }
func ReplyUnknown() Reply        { return NewReply(500, "5.5.1", "unknown command") }
func ReplyTooManyUnknown() Reply {
	return NewReply(421, "4.7.0", "too many unknown commands, closing")
}
func ReplyLineTooLong() Reply { return NewReply(500, "5.5.6", "line too long") }
func ReplyLineTooLongBye() Reply {
	return NewReply(421, "4.7.0", "closing after a line over the limit")
}
func ReplyTimeout() Reply { return NewReply(421, "4.4.2", "timed out waiting for you, closing") }
func ReplyNoMailHere() Reply {
	return NewReply(502, "5.5.1", "this is an on-demand mail relay: log in, then say ATRN")
}
func ReplyBadArgument(what string) Reply { return NewReply(501, "5.5.4", what) }
func ReplyBadSequence(what string) Reply { return NewReply(503, "5.5.1", what) }
func ReplyEarlyBytes() Reply {
	return NewReply(554, "5.5.0", "you spoke before my reply, closing")
}
