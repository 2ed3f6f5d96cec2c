package fdio

// OpenBSD sets these for the whole system only (sysctl net.inet.tcp).
func keepAliveOptions() map[int]int { return nil }
