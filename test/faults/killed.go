package main

// killedRelay kills vodmr-relay.
func killedRelay() []series { return killed("relay", relayChain(), modes()...) }

// killedVodmr kills vodmr.
func killedVodmr() []series { return killed("vodmr", vodmrChain(), modes()[2]) }

// killedTLS kills vodmr-tls, both if it starts on request and if it starts at once.
func killedTLS() []series {
	return append(killed("starttls", tlsChain(true), modes()[2]), killed("tls", tlsChain(false), modes()[2])...)
}

// killedAtrn kills atrn while it receives into a Maildir.
func killedAtrn() []series { return killed("atrn", atrnChain(), modes()[2]) }

// calls are the system calls at which our programs are killed.
func calls() []string {
	return []string{
		"openat", "close", "read", "pread64", "pwrite64", "write", "sendmsg", "recvfrom", "unlinkat", "renameat", "linkat",
		"fcntl", "getdents64", "fsync", "fstat", "newfstatat", "ppoll", "poll", "ioctl", "getsockopt", "setsockopt",
		"pipe2", "clone", "execve", "dup3", "wait4", "waitid", "close_range", "mkdirat", "socketpair", "exit_group",
	}
}

// killed kills a program at its Nth call of each name.
func killed(name string, c chain, list ...mode) []series {
	var all []series
	for _, m := range list {
		for _, call := range calls() {
			all = append(all, series{name: name + "/" + m.name + "/" + call, try: func(t *trial) { kill(t, c, m, call) }})
		}
	}
	return all
}

func kill(t *trial, c chain, m mode, call string) {
	s := newSite(t, c, m, c.mail())
	if t.broken != nil {
		return
	}
	s.settle(killOnce(t, s, call).broken())
}

// killOnce runs a session in which the Nth call of that name kills the program.
func killOnce(t *trial, s *site, call string) *session {
	w := t.wire(call, "kill", t.n)
	one := s.session(w.wrap)
	t.fired, t.struck = w.struck()
	t.struck = t.struck && one.killed // not if it had already ended
	return one
}
