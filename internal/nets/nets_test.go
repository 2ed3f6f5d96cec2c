package nets_test

import (
	"testing"

	"vodmr/internal/nets"
)

func TestContain(t *testing.T) {
	list, err := nets.Parse("192.0.2.0/24,198.51.100.7,2001:db8::/64,::ffff:203.0.113.9,10.1.2.3/8")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"192.0.2.255": true, "::ffff:192.0.2.1": true, "192.0.3.0": false, "198.51.100.7": true, "198.51.100.8": false,
		"2001:db8::ffff": true, "2001:db8:0:1::": false, "203.0.113.9": true, "10.255.0.1": true,
		"2001:db8::1%eth0": true, "": false, "front": false,
	} {
		if got := list.Contain(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
	if (nets.Nets)(nil).Contain("192.0.2.1") {
		t.Error("an empty list has an address")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, list := range []string{"", ",", "192.0.2.1,", "192.0.2", "192.0.2.0/33", "2001:db8::/129", "front", "fe80::1%eth0", "192.0.2.1 ", "192.0.2.1/"} {
		if got, err := nets.Parse(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}
