//go:build cgo || race

package starter

// withC: the C library gives the kernel memory of its own to write to (rseq), which must stay.
const withC = true
