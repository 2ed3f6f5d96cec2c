package check

// A section of DIAGNOSTICS in vodmr-check(8) is about one matter.
type section struct {
	about string
	kinds []kind
}

// catalogue holds every kind of finding, in the manual page's order.
func catalogue() []section {
	return []section{
		{"any file, and about qmail", siteKinds()},
		{"the service, its rules, TLS and the port", serviceKinds()},
		{"logins, passwords and domains", loginKinds()},
		{"mailboxes", mailboxKinds()},
	}
}

// siteKinds are about any file, and about qmail's home.
func siteKinds() []kind {
	return []kind{
		cannotSee,
		unreadable,
		noProgram,
		notRunnable,
		damaged,
		noQmail,
		noName,
		badName,
		shortName,
		badLocalpart,
		noNumber,
		shortLife,
		notSetuid,
		notRunning,
		heldLocal,
		noUsersCDB,
		usersStale,
		diskFull,
		diskTight,
		inodesFull,
		overNFS,
	}
}

// serviceKinds are about the service directory, TLS and the port.
func serviceKinds() []kind {
	return []kind{
		noService,
		noChain,
		smallLimit,
		noAccount,
		shutLog,
		noTCPRules,
		relativePath,
		wrongPort,
		tlsNeedsRoot,
		weakProgram,
		badSetting,
		unknownName,
		onlyByRule,
		noRules,
		rulesStale,
		otherRules,
		rulesForAll,
		upperKey,
		fewWatches,
		fewSlots,
		noCert,
		keyOpen,
		badPair,
		wrongDate,
		expiresSoon,
		wrongHost,
		untrusted,
		badEmpty,
		noListener,
		noGreeting,
		notVodmr,
		noAuth,
		noStartTLS,
		noTLS,
		otherHost,
	}
}

// loginKinds are about logins, passwords and domains.
func loginKinds() []kind {
	return []kind{
		noLogins,
		noMailbox,
		lookupFails,
		denied,
		notListed,
		needsTLS,
		holdsNone,
		openSecrets,
		badLine,
		noLogin,
		noFile,
		noPasswords,
		noClear,
		noClearTLS,
		noPassword,
		longLogin,
		rootsAccount,
		noSMTP,
		shutAccount,
		outside,
		staleCDB,
		hasQuota,
		notTaken,
		takesAll,
		isLocal,
		notVirtual,
		elsewhere,
		noDefault,
		bounces,
		deletes,
		leadsAway,
		byAddress,
		heldBack,
		noDelivery,
		rootsMail,
		alsoElsewhere,
		ownPostmaster,
	}
}

// mailboxKinds are about the mailbox's folders and what waits in them.
func mailboxKinds() []kind {
	return []kind{
		stickyHome,
		loose,
		rootsHome,
		otherOwner,
		noMaildir,
		noWay,
		diverts,
		countsFull,
		counts,
		badLock,
		badNotes,
		oddNotes,
		oldMail,
		foreign,
		staying,
		breaking,
		manyMore,
	}
}
