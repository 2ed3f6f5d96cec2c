package integration

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vodmr/test/kit/loopback"
)

var chasquidPeer = &peer{
	name:      "chasquid",
	patience:  10 * time.Second,
	modes:     []mode{pipelined, lockStep},
	adds:      []string{"Received-SPF"},
	anySender: true, // it runs a program for an alias without telling it
	// It gives 421 in place of its third refusal in a connection.
	exceptions: map[string]exception{
		"from-quoted": {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:  {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-content":  {why: "it refuses content without a header, and a file without Received bounces to nobody", may: remains},
		"no-header":   {why: "it refuses a header line without a colon", may: bounces},
		"header-only": {why: "it refuses a header without an end", may: bounces},
	},
	start: func(t *testing.T, domain string) *running {
		r := newRunning(t)
		r.port = freePort(t)
		tree := unpacked(t, "chasquid")
		r.file(t, "keep", readFile(t, "../standin/peers/keep"), 0o755)
		made, err := loopback.Certify("customer.example")
		if err != nil {
			t.Fatal(err)
		}
		certs := "conf/certs/customer.example/"
		r.file(t, certs+"privkey.pem", string(made.Secret), 0o600)
		r.file(t, certs+"fullchain.pem", string(made.Public), 0o644)
		r.file(t, "conf/domains/"+domain+"/aliases", "", 0o644)
		r.file(t, "conf/chasquid.conf", chasquidConf, 0o644)
		r.file(t, "conf/hooks/alias-resolve", chasquidAlias, 0o755)
		r.file(t, "conf/hooks/post-data", chasquidData, 0o755)
		r.onPort(t, exec.Command(tree+"/usr/bin/chasquid", "-config_dir="+r.dir+"/conf"))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "data/queue")) }
		return r
	},
}

const chasquidConf = `hostname: "customer.example"
smtp_address: "127.0.0.1:@PORT@"
data_dir: "@DIR@/data"
mail_log_path: "<stderr>"
suffix_separators: ""
drop_characters: ""
max_data_size_mb: 100
`

const chasquidAlias = `#!/bin/sh
case $1 in
refused* | \**) ;;
*) echo "| @DIR@/keep @DIR@/kept ? $1" ;;
esac
`

// chasquid never defers at RCPT.
const chasquidData = `#!/bin/sh
case " $RCPT_TO" in
*" deferred"*) echo not today && exit 1 ;;
esac
`
