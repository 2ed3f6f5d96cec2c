// Inject runs a program and, at the Nth system call of a name that it makes, has
// the call fail, be cut short or fail although it was done, or kills the program:
//
//	inject -o FILE CALL N WHAT PROGRAM ARG...
//
// WHAT is kill, an error such as EIO, done-EIO, or short. The program's threads
// count as one. A child counts too, until it runs a program of its own. FILE tells
// what happened: a line "struck program" or "struck child", and at the end "calls N",
// how many there were. Inject ends as the program ended.
//
// It needs Linux on amd64, where it knows which registers hold what.
package main
