// Inject runs a program and interferes with the Nth system call of a name that it
// makes: the call fails, is cut short, or fails although it was done; or the program
// is killed there.
//
//	inject -o FILE CALL N WHAT PROGRAM ARG...
//
// WHAT is kill, an error such as EIO, done-EIO, or short. All threads of the program
// are counted together. A child is counted too, until it executes another program.
// FILE receives the report: a line "struck program" or "struck child" if the call was
// reached, and at the end "calls N" with the number of calls. Inject exits as the
// program did.
//
// It needs Linux on amd64, because it has to know which registers hold what.
package main
