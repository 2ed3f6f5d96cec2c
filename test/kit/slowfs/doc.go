// Package slowfs shows a folder through a file system that behaves like a network file
// system: each call takes its time, calls can hang, and a watch does not see what another
// host changes. The program behind it is in the folder mount.
package slowfs
