//go:build !race

package starter

const raced = false
