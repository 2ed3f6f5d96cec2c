//go:build race

package starter

// raced: the race detector has memory of its own, which its code always needs.
const raced = true
