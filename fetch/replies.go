package fetch

import "vodmr/smtp"

// The replies of the receiving side that smtp's catalogue does not have.

func replyStopping() smtp.Reply { return smtp.NewReply(421, "4.3.2", "stopping, come back later") }
func replyMoved() smtp.Reply {
	return smtp.NewReply(421, "4.3.0", "the mailbox is elsewhere now or cannot be looked at, come back later")
}
func replyNothingMore() smtp.Reply {
	return smtp.NewReply(421, "4.3.2", "nothing more waits, so this session ends; thank you")
}
func replyNobody() smtp.Reply {
	return smtp.NewReply(421, "4.3.2", "no mail server can be reached here, come back later")
}
func replyVerify() smtp.Reply {
	return smtp.NewReply(252, "2.1.5", "send some mail, it will be taken")
}
func replyHelp() smtp.Reply {
	return smtp.NewReply(214, "2.0.0", "this is atrn, RFC 5321 and RFC 2645")
}
func replyTooBig() smtp.Reply { return smtp.NewReply(552, "5.3.4", "the message is too big for here") }
func replyNotHere() smtp.Reply {
	return smtp.NewReply(550, "5.7.1", "that domain is not one of ours")
}
func replyNotPassedOn() smtp.Reply {
	return smtp.NewReply(502, "5.5.1", "a provider has no need of that here")
}
func replyNoRecipient() smtp.Reply {
	return smtp.NewReply(554, "5.5.1", "no valid recipients")
}
func replyNeedsUTF8() smtp.Reply {
	return smtp.NewReply(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8")
}
func replyTooManyRecipients() smtp.Reply {
	return smtp.NewReply(452, "4.5.3", "too many recipients, send the rest apart")
}
func replyUnknownParameter(param string) smtp.Reply {
	return smtp.NewReply(555, "5.5.4", "unknown parameter "+headerWord(param))
}
