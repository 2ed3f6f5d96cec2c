package main

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// talkerTime is how long vodmr's talker may take to log the login and end. One that was
// taken over by a stranger may stay: it has no rights, and it holds nobody up for longer.
const talkerTime = 200 * time.Millisecond

// reapTalker waits for vodmr's talker, which is this process's child, since vodmr's keeper
// became this program. Its last line stands in the log before ours then, and it leaves no
// zombie for as long as the session lasts, which may be a day. pid is empty without a talker.
func reapTalker(verdict int, pid string) {
	talker, err := strconv.Atoi(pid)
	if err != nil || talker <= 0 {
		return
	}
	// Nobody reads the verdict any more once the talker is gone: poll tells that.
	fds := []unix.PollFd{{Fd: int32(verdict)}}
	_, _ = sys.RetryN(func() (int, error) { return unix.Poll(fds, int(talkerTime/time.Millisecond)) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var status unix.WaitStatus
		_ = sys.Retry(func() error {
			_, err := unix.Wait4(talker, &status, 0, nil)
			return err
		})
	}()
	select {
	case <-ended:
	case <-time.After(talkerTime):
	}
}
