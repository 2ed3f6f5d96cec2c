package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vodmr/maildir"
	"vodmr/test/kit/loopback"
)

const (
	soakCustomers   = 500
	soakMail        = 20 // messages for each
	soakTime        = 3 * time.Minute
	soakAtOnce      = 24 // sessions
	sampleCustomers = 30
	sampleSoak      = 12 * time.Second
	sampleAtOnce    = 8
	soakRate        = 50 // actions of mailreaders a second
	settleMax       = 6  // sessions of each customer after the last fault

	cutOneIn  = 10 // one line in so many is cut
	killOneIn = 20 // one session in so many loses a process
	fetchers  = 10 // one customer in so many uses atrn
)

// soakRow runs a whole provider for some minutes.
func soakRow() []series {
	return []series{{name: "provider", last: 1, try: soak}}
}

// A soaking is a provider with many customers.
type soaking struct {
	*trial
	port      *port
	customers []*simulatedCustomer
	calm      atomic.Bool // no more faults
}

// A simulatedCustomer is one customer: a mailbox, and the way it connects.
type simulatedCustomer struct {
	*site
	soaking *soaking
	login   string
	number  int
	box     *maildir.Box
	busy    sync.Mutex // one session of a mailbox at a time
	random  *rand.Rand
	took    []*message // messages of the present session
}

// soak lets customers connect while mail comes in, lines are cut and processes are
// killed. Then all customers fetch the mail that is left, and the account is closed.
func soak(t *trial) {
	customers, lasts, atOnce := soakCustomers, cmp.Or(t.soak, soakTime), soakAtOnce
	if t.sample > 0 {
		customers, lasts, atOnce = sampleCustomers, sampleSoak, sampleAtOnce
	}
	k := &soaking{trial: t}
	if t.broken = k.make(customers); t.broken != nil {
		return
	}
	defer k.port.close()
	args := []string{"-t", lasts.String(), "-r", fmt.Sprint(soakRate)}
	for _, p := range k.customers {
		defer p.box.Close()
		args = append(args, p.maildir())
	}
	busy := t.newMailreaders(args...)
	if t.broken = busy.start(); t.broken != nil {
		return
	}
	k.call(atOnce, busy)
	if _, err := busy.end(); err != nil {
		t.broken = err
		return
	}
	for _, p := range k.customers {
		t.broken = errors.Join(t.broken, p.unmark())
	}
	k.calm.Store(true)
	k.settle(atOnce)
	t.fired, t.struck = true, true
	k.close()
}

// call has customers connect at random until mailreaders has ended.
func (k *soaking) call(atOnce int, busy *mailreaders) {
	var all sync.WaitGroup
	for i := range atOnce {
		random := rand.New(rand.NewPCG(k.seed, uint64(i)))
		all.Go(func() {
			for !busy.gone() && k.ctx.Err() == nil {
				p := k.customers[random.IntN(len(k.customers))]
				if p.busy.TryLock() {
					p.visit()
					p.busy.Unlock()
				}
			}
		})
	}
	all.Wait()
}

// settle has each customer connect until no message is left that can go.
func (k *soaking) settle(atOnce int) {
	work := make(chan *simulatedCustomer)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for p := range work {
				for n := 0; n < settleMax && k.ctx.Err() == nil && !p.settled(); n++ {
					p.visit()
				}
			}
		})
	}
	for _, p := range k.customers {
		work <- p
	}
	close(work)
	all.Wait()
}

// make makes the provider, its customers and their mail.
func (k *soaking) make(customers int) error {
	shared := &site{trial: k.trial, qmail: filepath.Join(k.dir, "qmail"), home: filepath.Join(k.dir, "home")}
	if err := shared.make(); err != nil {
		return err
	}
	var accounts strings.Builder
	for i := range customers {
		p := &simulatedCustomer{soaking: k, number: i, login: fmt.Sprintf("odmr%d@%s", i, domain)}
		p.random = rand.New(rand.NewPCG(k.random.Uint64(), 0))
		p.site = &site{trial: k.trial, qmail: shared.qmail, home: filepath.Join(k.dir, fmt.Sprint("home", i))}
		p.mode = modes()[p.random.IntN(len(modes()))]
		p.chain = p.calls()
		if err := p.furnish(); err != nil {
			return err
		}
		k.customers = append(k.customers, p)
		fmt.Fprintf(&accounts, "%s:*:%d:%d:odmr:%s:NOQUOTA:%s\n", p.login, os.Getuid(), os.Getgid(), p.home, password)
	}
	if err := os.WriteFile(shared.passwords(), []byte(accounts.String()), 0o600); err != nil {
		return err
	}
	var err error
	k.port, err = k.open(shared)
	return err
}

// furnish makes the customer's mailbox, and puts its mail into tmp/.
func (p *simulatedCustomer) furnish() error {
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(p.maildir(), sub), 0o700); err != nil {
			return err
		}
	}
	first := (p.number + 1) * 1000
	list := p.mixed(first, soakMail)
	if p.chain.fetches {
		list = slices.DeleteFunc(list, func(m *message) bool { return m.expected != arrives })
	}
	if err := p.prepare(list, first); err != nil {
		return err
	}
	var err error
	p.box, err = maildir.Open(p.home, "Maildir")
	return err
}

// calls is how the customer gets its mail: most run a server of their own, some use
// atrn.
func (p *simulatedCustomer) calls() chain {
	if p.number%fetchers == fetchers-1 {
		return chain{fetches: true, argv: func(s *site, wrap []string) []string {
			provider := p.soaking.port.listener.Addr().String()
			return append(wrap, s.program("atrn"), "-u", p.login, "-p", s.secret(), "-T", "none", "-m", s.inbox(), provider)
		}}
	}
	return chain{turn: func(_ *site, conn net.Conn) (io.ReadWriter, error) {
		if err := loopback.CRAMMD5(conn, p.login, password); err != nil {
			return nil, err
		}
		return conn, atrn(conn)
	}}
}
