// Package fetch is the customer's side of On-Demand Mail Relay (RFC 2645): it
// connects to a provider, logs in, says ATRN, and hands the turned connection
// to whatever receives mail here: a program, an SMTP server, or a Maildir.
//
//	Session   one visit: connect, log in, ATRN, receive
//	Provider  the session's origin: TCP, or a command's descriptors
//	TLS       how the line is protected, and which certificates to trust
//	Sink      who receives: Program, Forward, Maildir
//	Reporter  sessions again and again, and how they went
//
// A message is the provider's until the receiving side answered 2xx to its
// content, so whatever breaks here loses nothing.
package fetch
