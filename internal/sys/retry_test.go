package sys

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A call is made again after EINTR, and after nothing else.
func TestRetry(t *testing.T) {
	for _, last := range []error{nil, unix.EAGAIN} {
		calls := 0
		call := func() error {
			if calls++; calls < 3 {
				return unix.EINTR
			}
			return last
		}
		if err := Retry(call); err != last || calls != 3 {
			t.Errorf("Retry: %v after %d calls, want %v after 3", err, calls, last)
		}
		calls = 0
		n, err := RetryN(func() (int, error) {
			err := call()
			return 10 * calls, err
		})
		if err != last || calls != 3 || n != 30 {
			t.Errorf("RetryN: %d, %v after %d calls, want 30, %v after 3", n, err, calls, last)
		}
	}
}
