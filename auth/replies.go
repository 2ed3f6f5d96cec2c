package auth

import (
	"encoding/base64"

	"vodmr/smtp"
)

// The replies of RFC 4954 section 6, and those around a login. 235 is missing:
// the program that takes over after the login says it.

func replyChallenge(text string) smtp.Reply {
	return smtp.NewReply(334, "", base64.StdEncoding.EncodeToString([]byte(text)))
}
func ReplyCancelled() smtp.Reply {
	return smtp.NewReply(501, "5.0.0", "authentication cancelled")
}
func ReplyBadBase64() smtp.Reply {
	return smtp.NewReply(501, "5.5.2", "that is not base64")
}
func ReplyBadResponse() smtp.Reply {
	return smtp.NewReply(501, "5.5.2", "that is not a response of this mechanism")
}
func ReplyNoMechanism() smtp.Reply {
	return smtp.NewReply(501, "5.5.4", "AUTH needs the name of a mechanism")
}

// ReplyNoInitial has the enhanced code that section 4 asks for.
func ReplyNoInitial() smtp.Reply {
	return smtp.NewReply(501, "5.7.0", "this mechanism takes no initial response")
}

// ReplyNoIdentity answers an empty response of EXTERNAL.
func ReplyNoIdentity() smtp.Reply {
	return smtp.NewReply(501, "5.5.4", "EXTERNAL needs your login here: send it as the authorization identity")
}

// ReplyNoCertificate answers EXTERNAL inside TLS.
func ReplyNoCertificate() smtp.Reply {
	return smtp.NewReply(504, "5.5.4", "EXTERNAL needs a client certificate in the TLS handshake; EHLO lists what works")
}

func ReplyUnknownMechanism() smtp.Reply {
	return smtp.NewReply(504, "5.5.4", "unknown mechanism; EHLO lists those that work")
}
func ReplyRefused() smtp.Reply {
	return smtp.NewReply(535, "5.7.8", "login or password refused")
}
func ReplyTrouble() smtp.Reply {
	return smtp.NewReply(454, "4.7.0", "your login cannot be checked now, try later")
}
func ReplyNeedsTLS() smtp.Reply {
	return smtp.NewReply(538, "5.7.11", "logging in needs TLS here")
}
func ReplyRequired() smtp.Reply {
	return smtp.NewReply(530, "5.7.0", "log in first")
}

// replyProxyHeader is for the admin of the balancer as much as for the customer, who sees it
// in the place of EHLO's reply.
func replyProxyHeader() smtp.Reply {
	return smtp.NewReply(554, "5.5.0",
		"a balancer sends a PROXY header here, and vodmr-proxy is missing in front of vodmr: tell the admin")
}
