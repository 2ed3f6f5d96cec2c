package check

// A check looks at one part of a site: at facts of a type F, which it only reads.
type check[F any] struct {
	name  string
	about topic
	look  func(facts F, r *report)
	says  []kind // all that it can find, besides the kinds that any file can have
}

// run runs checks in their order.
func run[F any](checks []check[F], facts F, r *report) {
	outer := r.check
	for _, c := range checks {
		r.check = c.name
		c.look(facts, r)
	}
	r.check = outer
}

// A topic is a section of DIAGNOSTICS in vodmr-check(8).
type topic string

const (
	aboutQmail     topic = "any file, and about qmail"
	aboutService   topic = "the service, its rules, TLS and the port"
	aboutLogins    topic = "logins, passwords and domains"
	aboutMailboxes topic = "mailboxes"
	aboutFront     topic = "the mail server of the front, and the probe"
)

// siteChecks are all checks. Those of logins and Maildirs hang below the last one.
func siteChecks() []check[*site] {
	return []check[*site]{
		{"run script", aboutService, checkService, []kind{
			noService, noChain, smallLimit, noAccount, shutLog, noTCPRules, relativePath, wrongPort, tlsNeedsRoot,
			vodmrNeedsRoot, ownersTalker, sharedAccount,
			badName, badSetting, unknownName, onlyByRule, rulesStale, otherRules,
		}},
		{"programs", aboutService, checkPrograms, []kind{weakProgram}},
		{"confinement", aboutService, checkConfined, []kind{notConfined}},
		{"logins in the clear", aboutService, checkClear, []kind{clearLogins}},
		{"qmail", aboutQmail, checkHome, []kind{noQmail}},
		{"control files", aboutQmail, checkControl, []kind{noName, badName, shortName, badLocalpart, noNumber, shortLife}},
		{"qmail-queue", aboutQmail, checkQueue, []kind{notSetuid, noSendmail, noBouncer}},
		{"users/cdb", aboutQmail, checkUsers, []kind{noUsersCDB, usersStale}},
		{"qmail-send", aboutQmail, checkSend, []kind{notRunning, heldLocal}},
		{"queue's disk", aboutQmail, checkQueueDisk, append(diskKinds(), farQueue)},
		{"mail server's port", aboutFront, checkFrontPort, []kind{noFront, silentFront}},
		{"sizes", aboutFront, checkSizes, []kind{smallMailbox}},
		{"mail server's settings", aboutFront, checkFrontConfig, []kind{badConfig, noLMTP}},
		{"rules", aboutService, checkRules, []kind{noRules, rulesStale, otherRules, rulesForAll, upperKey, badSetting, unknownName}},
		{"certificate", aboutService, checkCertificate, []kind{
			noCert, keyOpen, badPair, wrongDate, expiresSoon, wrongHost, untrusted, badEmpty,
		}},
		{"port", aboutService, checkPort, []kind{noListener, noGreeting, notVodmr, noAuth, noStartTLS, noTLS, otherHost}},
		{"standing sessions", aboutService, checkStanding, []kind{fewWatches, fewSlots}},
		{"door", aboutService, checkDoor, []kind{noDoor, openDoor, shutDoor}},
		{"logins", aboutLogins, checkLogins, []kind{noLogins, noMailbox}},
	}
}

// askedChecks do something that is only done if a command line asks for it. If it asks for
// nothing else, they run alone.
func askedChecks() []check[*site] {
	return []check[*site]{
		{"probe", aboutFront, checkProbe, []kind{
			noProbe, rootsHome, notAccepted, probeForeign, probeRefused, probeUnsent, probeLost, probeOdd, probeOther, probeTaken, probeLeft,
		}},
		{"port 25 outward", aboutFront, checkOutward, []kind{noWayOut}},
	}
}

// loginChecks are those of each login that has a mailbox.
func loginChecks() []check[*mailbox] {
	return []check[*mailbox]{
		{"file of passwords", aboutLogins, checkPasswordFile, []kind{openSecrets, openAccounts, badLine, staleCDB}},
		{"password", aboutLogins, checkPassword, []kind{
			longLogin, noFile, noPasswords, noLogin, keyUnasked, noPassword, noClear,
		}},
		{"account", aboutLogins, checkAccount, []kind{hasQuota, rootsAccount, noSMTP, shutAccount, outside}},
		{"grant", aboutLogins, checkGrant, []kind{lookupFails, denied, notListed, holdsNone, needsTLS}},
		{"domains", aboutLogins, checkDomains, nil},
		{"mailbox", aboutMailboxes, checkMailbox, []kind{rootsHome, otherOwner, noMaildir, noWay}},
	}
}

// domainChecks are those of each domain that a login may fetch, and of its own.
func domainChecks() []check[*route] {
	return []check[*route]{
		{"control files for a domain", aboutLogins, ofQmail(checkAccepted), []kind{notTaken, takesAll, isLocal, notVirtual, elsewhere}},
		{"catch-all", aboutLogins, ofQmail(checkCatchall), []kind{
			rootsMail, stickyHome, noDefault, heldBack, bounces, deletes, leadsAway, byAddress, alsoElsewhere, noDelivery,
		}},
		{"unknown recipient", aboutLogins, checkAsked, []kind{deafDoor}},
		{"customer's postmaster", aboutLogins, checkPostmasterAsked, []kind{refusesMaster}},
		{"postmaster", aboutLogins, ofQmail(checkPostmaster), []kind{ownPostmaster}},
		{"way through the mail server", aboutFront, checkWay, []kind{
			noMTATool, brokenTable, staleTable, notAccepted, twoClasses, noCatchall, onlySome, mtaAway, asOneFile, otherUser, lowUID,
			hidesWanted, eximLines, severalAtOnce, notNamed,
		}},
	}
}

// maildirChecks are those of each Maildir that could be opened.
func maildirChecks() []check[*openBox] {
	return []check[*openBox]{
		{"modes", aboutMailboxes, checkModes, []kind{otherOwner, noWay}},
		{"diversion", aboutMailboxes, checkDiversion, []kind{diverts, alsoElsewhere}},
		{"quota", aboutMailboxes, checkQuota, []kind{countsFull, counts}},
		{"lock", aboutMailboxes, checkLock, []kind{badLock}},
		{"network", aboutMailboxes, checkNetwork, []kind{noNetLock, unlooked, seldom}},
		{"notes", aboutMailboxes, checkNotes, []kind{badNotes, oddNotes}},
		{"envelopes", aboutFront, checkEnvelopes, []kind{noReceived, noEnvelope}},
		{"waiting mail", aboutMailboxes, checkWaiting, []kind{manyMore, oldMail, foreign, staying, breaking}},
		{"Maildir's disk", aboutMailboxes, func(b *openBox, r *report) { checkDisk(b.site, r, b.dir) }, diskKinds()},
	}
}
