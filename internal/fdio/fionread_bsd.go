//go:build !linux

package fdio

// fionread asks how many bytes wait to be read: _IOR('f', 127, int).
const fionread = 0x4004667f
