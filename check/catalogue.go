package check

import "slices"

// An entry says what a diagnosis means and what to do about it.
type entry struct {
	what    diagnosis
	verdict verdict
	advice  string
}

// catalogue holds every diagnosis. vodmr-check(8) has them all in its table.
func catalogue() []entry {
	return slices.Concat(siteDiagnoses(), serviceDiagnoses(), loginDiagnoses(), mailboxDiagnoses())
}

// siteDiagnoses are about any file, and about qmail's home.
func siteDiagnoses() []entry {
	return []entry{
		{cannotSee, doubtful, "look again as root"},
		{unreadable, wrong, "let every user enter the folders on the way and read the file, or the one user that is named; see vodmr-relay(8)"},
		{noProgram, wrong, "install it, or write its right path"},
		{notRunnable, wrong, "chmod 755 the program, and let every user enter the folders on the way"},
		{damaged, wrong, "make it anew from its source"},
		{noQmail, doubtful, "name qmail's home with -q, or set QMAILQUEUE in env; without both, what should bounce stays"},
		{noName, wrong, "write this host's full name into it"},
		{badName, wrong, "write a host name, such as mail.example.net"},
		{shortName, doubtful, "write the full name, such as mail.example.net: other servers refuse the short one"},
		{badLocalpart, wrong, "write what stands before the @ of the address, and no more"},
		{noNumber, doubtful, "write a number, or remove the file; until then qmail's default holds"},
		{shortLife, doubtful, "mail of a customer that is away for longer bounces; 604800, a week, is usual"},
		{notSetuid, wrong, "chown it to qmailq, and then chmod 4711: without that it cannot write the queue"},
		{notRunning, wrong, "start it: svc -u on its service; until then mail lies in the queue, bounces too"},
		{heldLocal, wrong, "write a number above 0, or remove the file, and start qmail-send again"},
		{noUsersCDB, wrong, "run qmail-newu"},
		{usersStale, wrong, "run qmail-newu: what was changed since does not count yet"},
		{diskFull, wrong, "make room: qmail defers all mail and bounces cannot be queued"},
		{diskTight, doubtful, "make room before mail is deferred"},
		{inodesFull, wrong, "remove files: qmail defers all mail, and each message is a file"},
		{overNFS, doubtful, "its lock daemon must run on both sides, or the lock fails and ATRN gets 451"},
	}
}

// serviceDiagnoses are about the service directory, TLS and the port.
func serviceDiagnoses() []entry {
	return []entry{
		{noService, doubtful, "name it with -d; until then the run script, TLS and the programs are not looked at"},
		{noChain, wrong, "let it run vodmr HOST, a checkpassword program, and vodmr-relay, in this order; see vodmr(8)"},
		{smallLimit, wrong, "take the limit away: a Go program sets aside much address space and dies where it cannot; tcpserver -c bounds the service"},
		{noAccount, wrong, "make the account, or name one that exists"},
		{shutLog, wrong, "chown it to the account in log/run, and start the log again"},
		{noTCPRules, wrong, "write rules, if only ':allow', and make it with tcprules"},
		{relativePath, wrong, "write the whole path, from the first slash: the customer's own folder is where it would begin"},
		{wrongPort, wrong, "leave vodmr's -p out: its default makes vchkpw check CRAM-MD5"},
		{tlsNeedsRoot, wrong, "take tcpserver's -u and -g away and give vodmr-tls -U"},
		{weakProgram, wrong, "run it as the user that owns the file, or as root: see tcpserver's -u or vodmr-tls's -U"},
		{badSetting, wrong, "correct it; until then ATRN gets 451"},
		{unknownName, doubtful, "correct the name, see vodmr-relay(8)"},
		{onlyByRule, doubtful, "write it into the rules: from elsewhere it does not count"},
		{noRules, wrong, "make it with tcprules; until then ATRN gets 451"},
		{rulesStale, wrong, "run make, or tcprules, and read what it says: what was changed since does not count yet"},
		{otherRules, wrong, "run make, or tcprules, and read what it says: what the text has does not count yet"},
		{rulesForAll, doubtful, "end the rules with ':deny' unless this is what you want"},
		{upperKey, wrong, "write the key in lower case"},
		{fewWatches, doubtful, "raise fs.inotify.max_user_instances with sysctl; until then new mail is looked for with each NOOP"},
		{fewSlots, doubtful, "raise tcpserver's -c: sessions that stand keep all others out"},
		{noCert, wrong, "put the chain and its key there, or name the file with vodmr-tls's -c and -k"},
		{keyOpen, wrong, "chmod 600 the file, and get a new key if others could log in here"},
		{badPair, wrong, "put the whole chain into it, the host's own certificate first, and the key that belongs to it"},
		{wrongDate, wrong, "renew it, and look at this machine's clock"},
		{expiresSoon, doubtful, "renew it, and see that the renewed one is copied to this file"},
		{wrongHost, wrong, "get one for the name that vodmr is given and customers call"},
		{untrusted, doubtful, "customers need atrn -F or -C for it, or fetchmail's sslcertfile; is its chain in the file?"},
		{badEmpty, wrong, "chown it to root, chmod 555 it and empty it: vodmr-tls -u locks itself in there"},
		{noListener, wrong, "start the service, and look at its log"},
		{noGreeting, wrong, "look at the service's log; tcp.cdb may be missing or deny this address"},
		{notVodmr, wrong, "stop what has the port, or choose another one with -p"},
		{noAuth, wrong, "look at how vodmr is run: nobody can log in"},
		{noStartTLS, wrong, "look at the service's log: the certificate cannot be used"},
		{noTLS, wrong, "look at the service's log: the certificate cannot be used, or something else has the port"},
		{otherHost, doubtful, "restart the service; or something else has the port"},
	}
}

// loginDiagnoses are about logins, passwords and domains.
func loginDiagnoses() []entry {
	return []entry{
		{noLogins, doubtful, "name a LOGIN, so that its mailbox is looked at"},
		{noMailbox, wrong, "is the login right? make the account with vadduser, or a line in vodmr-checkpw's file"},
		{lookupFails, wrong, "mend what the line names"},
		{denied, wrong, "change its line in the rules, and make rules.cdb anew"},
		{notListed, wrong, "give it a line in the rules, and make rules.cdb anew"},
		{needsTLS, wrong, "put vodmr-tls into the run script, or take the setting away"},
		{holdsNone, wrong, "let the domain's .qmail-default lead to this mailbox, or give the login VODMR_DOMAINS in the rules"},
		{openSecrets, wrong, "chmod it so that its owner alone can read it, and change the passwords if others could log in here"},
		{badLine, doubtful, "correct the line; it is passed over"},
		{noLogin, wrong, "is the login right? make the account with vadduser, or a line in vodmr-checkpw's file"},
		{noFile, doubtful, "see for yourself that the account has a clear password: vuserinfo -C shows it"},
		{noPasswords, wrong, "make it: a line for each login; vadduser does for vpopmail"},
		{noClear, wrong, "let vpopmail keep clear passwords and set this one again, or use TLS: CRAM-MD5 cannot work"},
		{noClearTLS, doubtful, "atrn can log in inside TLS, fetchmail cannot: it does CRAM-MD5 only, which needs the clear password"},
		{noPassword, wrong, "set a password: nobody can log in"},
		{longLogin, wrong, "use a shorter login: vchkpw cuts it and says that the password is wrong"},
		{rootsAccount, wrong, "write the uid and the gid of its folder's owner into its line"},
		{noSMTP, wrong, "vmoduser -x LOGIN takes it off the account, vmoddomlimits or an editor off the domain"},
		{shutAccount, wrong, "vmoduser -x LOGIN: mail for the login's own address is lost for the customer"},
		{outside, wrong, "let its line in vpasswd name a folder below its domain's"},
		{staleCDB, doubtful, "vchkpw reads vpasswd.cdb: make it anew with vpopmail's vmkpasswd if you changed the file by hand"},
		{hasQuota, wrong, "vsetuserquota LOGIN NOQUOTA: a full mailbox bounces the whole domain's mail"},
		{notTaken, wrong, "write the domain into control/rcpthosts, or into morercpthosts and run qmail-newmrh"},
		{takesAll, doubtful, "write your domains into control/rcpthosts"},
		{isLocal, wrong, "take it out of control/locals and send qmail-send a HUP"},
		{notVirtual, wrong, "add the domain to control/virtualdomains and send qmail-send a HUP"},
		{elsewhere, wrong, "let its line in control/virtualdomains name the domain itself, as vadddomain does"},
		{noDefault, wrong, "write one that leads to this mailbox, as INSTALL shows"},
		{bounces, wrong, "let .qmail-default lead to this mailbox, as INSTALL shows"},
		{deletes, wrong, "let .qmail-default lead to this mailbox, as INSTALL shows"},
		{leadsAway, wrong, "let .qmail-default lead to this mailbox, as INSTALL shows, or look at the other place's login"},
		{byAddress, doubtful, "name the mailbox's folder instead, as INSTALL shows: by an address, qmail-inject takes Return-Path and Bcc out of each message and adds fields"},
		{heldBack, wrong, "chmod go-w,a-x the file, and see that each line in it says what dot-qmail(5) allows"},
		{noDelivery, wrong, "let the domain's user write to it, with a tmp, new and cur in it; see maildirmake(1)"},
		{rootsMail, wrong, "give the domain to a user of its own, and run qmail-newu"},
		{alsoElsewhere, doubtful, "is this what you want? see dot-qmail(5)"},
		{ownPostmaster, doubtful, "the customer does not get this mail: read it here, or let .qmail-postmaster lead to the customer's Maildir"},
	}
}

// mailboxDiagnoses are about the mailbox's folders and what waits in them.
func mailboxDiagnoses() []entry {
	return []entry{
		{stickyHome, wrong, "chmod -t the folder"},
		{loose, wrong, "chmod go-w it: others could put mail there, and qmail-local does not deliver below such a folder"},
		{rootsHome, wrong, "chown it to the mailbox's own user: vodmr-relay does not run as root"},
		{otherOwner, wrong, "chown -R it to the one user that vodmr-relay runs as"},
		{noMaildir, wrong, "make it with maildirmake as its owner, or name the right one in the run script"},
		{noWay, wrong, "let its owner read, write and enter it: chmod 700"},
		{diverts, wrong, "remove the file, or let it name this Maildir"},
		{countsFull, wrong, "take the quota off, and remove the file"},
		{counts, doubtful, "take the quota off and remove the file: a full mailbox bounces the whole domain's mail"},
		{badLock, wrong, "chown it to the mailbox's owner while no session runs; if it is no file, move it away"},
		{badNotes, wrong, "chown it to the mailbox's owner, or move it away while no session runs"},
		{oddNotes, doubtful, "read it and remove it; counts have begun anew"},
		{oldMail, doubtful, "has the customer gone? vodmr-expire(8) says what it bounces"},
		{foreign, wrong, "chown it to the mailbox's own user, or move it away: no session sends it, and vodmr-expire does not bounce it"},
		{staying, doubtful, "read the messages that the log calls skip, and remove them"},
		{breaking, doubtful, "the customer's server hangs up at them: ask its admin, or remove them"},
		{manyMore, doubtful, "look again when the disk has less to do"},
	}
}
