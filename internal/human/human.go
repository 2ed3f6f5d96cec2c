// Package human owns how sizes are written for people.
package human

import "strconv"

// Size writes bytes in at most five characters, as ls -h does: 512, 4.2K, 13M. K is 1024
// bytes. It rounds up, so that nothing looks smaller than it is.
func Size(bytes int64) string {
	if bytes < 1024 {
		return strconv.FormatInt(bytes, 10)
	}
	tenths := bytes/1024*10 + (bytes%1024*10+1023)/1024
	for _, unit := range []string{"K", "M", "G", "T", "P", "E"} {
		if tenths < 100 {
			return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + unit
		}
		if tenths <= 10230 {
			return strconv.FormatInt((tenths+9)/10, 10) + unit
		}
		tenths = (tenths + 1023) / 1024
	}
	return "" // there are no so big numbers
}

// MB writes bytes in millions, with one digit behind the point.
func MB(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64) + " MB"
}

// Clock writes seconds as minutes or hours: 0:42, 12:05, 3:07:00.
func Clock(seconds int64) string {
	two := func(n int64) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	if seconds >= 3600 {
		return strconv.FormatInt(seconds/3600, 10) + ":" + two(seconds%3600/60) + ":" + two(seconds%60)
	}
	return strconv.FormatInt(seconds/60, 10) + ":" + two(seconds%60)
}
