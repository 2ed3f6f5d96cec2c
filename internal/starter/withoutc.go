//go:build !cgo && !race

package starter

// withC: the programs are built without C.
const withC = false
