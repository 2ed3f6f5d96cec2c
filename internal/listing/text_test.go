package listing

import "testing"

func TestAge(t *testing.T) {
	for seconds, want := range map[int64]string{
		0: "0m00s", 59: "0m59s", 3599: "59m59s", 3600: "1h00m", 86399: "23h59m", 86400: "1d00h", 9e7: "1041d16h",
	} {
		if got := age(seconds); got != want {
			t.Errorf("%d seconds: %q, want %q", seconds, got, want)
		}
	}
}
