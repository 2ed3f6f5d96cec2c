package human_test

import (
	"math"
	"testing"

	"vodmr/internal/human"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0", 1023: "1023", 1024: "1.0K", 1025: "1.1K", 10137: "9.9K", 10138: "10K", 20480: "20K", 1023 << 10: "1023K",
		1<<20 - 1: "1.0M", 1 << 20: "1.0M", 13 << 20: "13M", 3 << 30: "3.0G", 5 << 40: "5.0T", 7 << 50: "7.0P", 1 << 60: "1.0E",
	} {
		if got := human.Size(bytes); got != want {
			t.Errorf("%d: %s, want %s", bytes, got, want)
		}
	}
}

func TestMB(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0.0 MB", 49_999: "0.0 MB", 3_250_001: "3.3 MB", math.MaxInt32: "2147.5 MB"} {
		if got := human.MB(bytes); got != want {
			t.Errorf("%d: %s, want %s", bytes, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for seconds, want := range map[int64]string{0: "0:00", 42: "0:42", 725: "12:05", 11220: "3:07:00", 400000: "111:06:40"} {
		if got := human.Clock(seconds); got != want {
			t.Errorf("%d: %s, want %s", seconds, got, want)
		}
	}
}
