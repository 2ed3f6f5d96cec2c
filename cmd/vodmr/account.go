package main

import (
	"fmt"

	"vodmr/internal/confine"
)

// identities are the users that vodmr's two processes become.
type identities struct {
	talker  *confine.User // at once; nil for the present user
	program *confine.User // with the checkpassword program; nil for the present user
}

// findAccounts looks up the accounts that the command line names. The talker's must be
// one that strangers may have: neither root, nor the one that the program runs as.
func findAccounts(o flags) (found identities, err error) {
	if found.talker, err = confine.LookUpReader(o.account); err != nil {
		return found, err
	}
	if found.program, err = confine.LookUp(o.progAs); err != nil {
		return found, err
	}
	if found.talker != nil && found.program != nil && found.program.UID == found.talker.UID {
		return found, fmt.Errorf("account %s is that of -U: make the account vodmr, which owns nothing, or name one with -u", found.talker.Name)
	}
	return found, nil
}

// talkerVariable tells the talker its account.
const talkerVariable = "VODMR_TALKER_ACCOUNT"
