package starter

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A span is memory between two addresses, the second one not included.
type span struct{ from, to uintptr }

// keepMemory finds out what the second process does not need: all but the program's text,
// this block, the stack around an address, and the arguments, for ps. If memory does not lie
// in the usual order, all is kept.
func (b *block) keepMemory(here uintptr) {
	const around = 8 << 10
	variables := writable()
	if withC || len(os.Args) == 0 || variables.from == 0 {
		return
	}
	self := uintptr(unsafe.Pointer(b))
	first, second := pages(here-around, here+around), pages(self, self+uintptr(len(b.memory)))
	if second.from < first.from {
		first, second = second, first
	}
	top := pages(uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0]))), 0).from
	if variables.to <= first.from && first.to <= second.from && second.to <= top {
		b.unneeded = [4]span{variables, {variables.to, first.from}, {first.to, second.from}, {second.to, top}}
	}
}

// pages are the whole pages that hold what is between two addresses.
func pages(from, to uintptr) span {
	size := uintptr(os.Getpagesize())
	return span{from &^ (size - 1), (to + size - 1) &^ (size - 1)}
}

// programHeader is one of ELF's, for addresses of 64 bits.
type programHeader struct {
	kind, flags                                      uint32
	offset, address, physical, fileSize, size, align uint64
}

// writable is where the program's variables are; zero if that is not known. Go's programs
// lie where their headers say, and their text lies below.
func writable() (found span) {
	auxiliary, err := unix.Auxv()
	if err != nil || unsafe.Sizeof(uintptr(0)) < 8 {
		return span{}
	}
	var headers, count uintptr
	for _, entry := range auxiliary {
		if entry[0] == auxHeaders {
			headers = entry[1]
		} else if entry[0] == auxCount {
			count = entry[1]
		}
	}
	for i := range count {
		h := (*programHeader)(addressed(headers + i*unsafe.Sizeof(programHeader{})))
		const load, write = 1, 2
		if h.kind == load && h.flags&write != 0 {
			found = pages(uintptr(h.address), uintptr(h.address+h.size))
		} else if h.kind == load && found.from != 0 {
			return span{} // text behind variables
		}
	}
	return found
}

// addressed is what the kernel put at an address.
func addressed(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

// Keys of the auxiliary vector: the address and the number of the program's headers.
const (
	auxHeaders = 3
	auxCount   = 5
)
