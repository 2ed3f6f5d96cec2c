package fetch

import "vodmr/smtp"

// Replies of the receiving side that stand in several places and not in smtp's catalogue.

func replyNothingMore() smtp.Reply {
	return smtp.NewReply(421, "4.3.2", "nothing more waits, so this session ends; thank you")
}
func replyTooBig() smtp.Reply { return smtp.NewReply(552, "5.3.4", "the message is too big for here") }
func replyNotHere() smtp.Reply {
	return smtp.NewReply(550, "5.7.1", "that domain is not one of ours")
}
func replyNoRecipient() smtp.Reply {
	return smtp.NewReply(554, "5.5.1", "no valid recipients")
}
func replyNeedsUTF8() smtp.Reply {
	return smtp.NewReply(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8")
}
func replyUnknownParameter(param string) smtp.Reply {
	return smtp.NewReply(555, "5.5.4", "unknown parameter "+headerWord(param))
}
