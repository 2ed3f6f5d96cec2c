// Package workers runs system calls that may take long beside the goroutine that wants
// them, such as those on files of a network file system.
package workers

import "runtime"

// A Pool runs jobs in threads of its own. It is for one goroutine; the zero value is no
// pool. A thread is started with the first jobs that need it, and none is left after Close:
// Go would keep the threads that it starts for calls that wait, each with its memory, as
// long as the process lives.
type Pool struct {
	jobs    chan func()
	threads int // started
	most    int
}

// New makes a Pool of at most so many threads. queued is the most jobs that are given to it
// and have not returned.
func New(threads, queued int) *Pool {
	return &Pool{jobs: make(chan func(), queued), most: threads}
}

// Run has a thread do a job. It waits only if more jobs are under way than New was told.
func (p *Pool) Run(job func()) {
	if p.threads < p.most {
		p.threads++
		go work(p.jobs)
	}
	p.jobs <- job
}

// Close ends the threads once they have done all jobs. It does not wait for that. The Pool
// can be used again.
func (p *Pool) Close() {
	if p.threads > 0 {
		close(p.jobs)
		p.jobs, p.threads = make(chan func(), cap(p.jobs)), 0
	}
}

// work does jobs until there will be no more. It never gives up its thread, so the
// thread ends with it.
func work(jobs <-chan func()) {
	runtime.LockOSThread()
	for job := range jobs {
		job()
	}
}
