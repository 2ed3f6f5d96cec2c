// Package tlswrap puts TLS in a process of its own, between a customer's socket
// on descriptors 0 and 1 and a program that knows nothing of TLS. It owns the
// handshake, what the program is told of it in SSL_ variables, the shape of the
// records that the customer gets, and the separation of the two: the program can
// neither read the key nor reach into the process that holds it.
//
// TLS begins at once, or when the program asks for it by UCSPI-TLS. Everything is
// pumped through in flat memory, in both directions at once. Nothing here knows
// SMTP.
package tlswrap
