package tlswrap

import "io"

// maxRecord is the most that one record carries, in bytes, so that it stays below
// 8000 on the wire too: fetchmail 6.4.37 reads 8192 at a time, forgets what its
// TLS library still holds of a longer record, and hangs.
const maxRecord = 7936

// blockSize is the most that is read from the program at once.
const blockSize = 32 << 10

// writeBlock sends a block to w, which makes one record of each Write. The last
// byte goes in a record of its own: fetchmail 6.4.37 takes one line for each
// record that arrives, so that the last line of a record with several would
// wait for a record that never comes.
func writeBlock(w io.Writer, block []byte) error {
	last := len(block) - 1
	for start := 0; start < last; start += maxRecord {
		if _, err := w.Write(block[start:min(start+maxRecord, last)]); err != nil {
			return err
		}
	}
	_, err := w.Write(block[last:])
	return err
}
