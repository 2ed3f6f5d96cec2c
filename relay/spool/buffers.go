package spool

// buffers keeps the memory of bodies that were sent for those to come.
type buffers struct{ free [][]byte }

// freeMax is how many bodies' memory is kept.
const freeMax = 16

func (b *buffers) get() []byte {
	if len(b.free) == 0 {
		return nil
	}
	last := b.free[len(b.free)-1]
	b.free = b.free[:len(b.free)-1]
	return last[:0]
}

func (b *buffers) put(body []byte) {
	if cap(body) > 0 && len(b.free) < freeMax {
		b.free = append(b.free, body)
	}
}
