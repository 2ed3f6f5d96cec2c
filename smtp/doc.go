// Package smtp owns how mail is said on the line (RFC 5321): lines and replies, the
// command loop of a side that answers, and the engine of the side that sends. It
// opens no files; what a reply means for a message is for the Source to decide.
//
//	Server      reads commands, gives each to its function, sends the replies
//	Sender      sends what a Source has, as far ahead as the other side lets it
//	Peer        what is known of the server, and how much of its offers is used
//	Reply       a reply; as an error, a refusal
//	LineReader, ReplyParser, Encoder    what goes over the line and comes back
//
// Of the extensions a Server has what its Commands answer. A Sender uses those that
// the other side offers:
//
//	PIPELINING           RFC 2920
//	CHUNKING             RFC 3030; with PIPELINING, for a server that passes the probe
//	8BITMIME             RFC 6152
//	SIZE                 RFC 1870
//	SMTPUTF8             RFC 6531, for addresses
//	LIMITS               RFC 9422; its Source keeps to them
//	ENHANCEDSTATUSCODES  RFC 2034, in the codes of RFC 3463; read in any reply
package smtp
