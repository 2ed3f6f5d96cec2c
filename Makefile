# make                static programs in bin/; needs Go
# make install        both ends into PREFIX, below DESTDIR; as root, and needs no Go
#                     any more
# make install-front  only the provider's programs
# make install-atrn   only the customer's
# make uninstall      takes away what make install put there; -front and -atrn likewise
# make deb            two Debian packages in bin/, vodmr and atrn, by dpkg-deb
# make release        bin/vodmr-VERSION.tar.gz: the source and all modules, from the commit
# make oci            the files of a container image of atrn, in bin/oci
# make completion     the completion of bash and zsh in dist/completion, from bin/
# make check          gofmt, go vet and the short tests: a minute
# make test           all tests: scripts/test
# make clean
.POSIX:

GO = go
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/vodmr
ATRNDOCDIR = $(PREFIX)/share/doc/atrn
UNITDIR = $(PREFIX)/lib/systemd/system
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
CERTIFICATES = /etc/ssl/certs/ca-certificates.crt
DESTDIR =

DOCS = README.md ANNOUNCEMENT INSTALL FAQ SECURITY SWITCHING MACHINES INTERNALS STANDING CHANGES TODO LICENSE
EXAMPLES = systemd/vodmr.socket systemd/vodmr@.service \
	freebsd/Makefile freebsd/pkg-descr freebsd/files/vodmr.in fail2ban/vodmr.conf \
	monitoring/vodmr.rules.yml monitoring/vodmr-dashboard.json \
	haproxy/haproxy.cfg nginx/nginx.conf nginx/auth.py
UNITS = vodmr.service vodmr-expire.service vodmr-expire.timer

ATRNPROGRAMS = atrn atrn-conf
ATRNDOCS = INSTALL FAQ SECURITY SWITCHING CHANGES LICENSE
ATRNEXAMPLES = oci/Containerfile oci/README
ATRNUNITS = atrn@.service

# What is installed names its own place.
WRITE = sed -e 's,/usr/local/bin/,$(BINDIR)/,g' -e 's,/usr/local/share/doc/vodmr,$(DOCDIR),g' \
	-e 's,/usr/local/share/doc/atrn,$(ATRNDOCDIR),g'
FILE = write() { mkdir -p $${2%/*} && rm -f $$2 && $(WRITE) $$1 >$$2 && chmod 644 $$2 || exit 1; }
PROGRAM = program() { \
		test -x bin/$$1 || { echo "bin/$$1 is not there: run make first" >&2; exit 1; }; \
		mkdir -p $(DESTDIR)$(BINDIR) && install -m 755 bin/$$1 $(DESTDIR)$(BINDIR)/ || exit 1; \
	}
# A page belongs to the end that its name says.
PAGE = page() { write $$1 $(DESTDIR)$(MANDIR)/man$${1\#\#*.}/$${1\#man/}; }

# A program's completion for bash and for zsh.
COMPLETION = completion() { \
		write dist/completion/bash/$$1 $(DESTDIR)$(BASHDIR)/$$1; \
		write dist/completion/zsh/_$$1 $(DESTDIR)$(ZSHDIR)/_$$1; \
	}
NOCOMPLETION = nocompletion() { rm -f $(DESTDIR)$(BASHDIR)/$$1 $(DESTDIR)$(ZSHDIR)/_$$1; }

# The commit is this folder's own, not that of a repository around an unpacked archive,
# which knows it from git archive. -s leaves out the symbol table, which only a debugger
# reads. The same source and the same Go give the same bytes, so no other Go is fetched.
all:
	@scripts/needs "$(GO)"
	commit=`test -e .git && git describe --always --dirty --abbrev=12 2>/dev/null || :`; \
	GOTOOLCHAIN=local CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
		-ldflags "-s -X vodmr/internal/version.commit=$$commit" -o bin/ ./cmd/...
	for script in cmd/*/*.sh; do \
		test -e $$script || continue; \
		name=$${script##*/}; name=bin/$${name%.sh}; \
		rm -f $$name && scripts/spliced $$script >$$name && chmod 755 $$name || exit 1; \
	done

install: install-front install-atrn

install-front:
	@$(PROGRAM); for dir in cmd/*; do \
		case " $(ATRNPROGRAMS) " in *" $${dir#cmd/} "*) ;; *) program $${dir#cmd/};; esac; \
	done
	$(FILE); $(PAGE); $(COMPLETION); \
	for file in man/vodmr*.[1-9]; do page $$file; done; \
	for file in dist/completion/bash/vodmr*; do completion $${file##*/}; done; \
	for file in $(DOCS); do write $$file $(DESTDIR)$(DOCDIR)/$$file; done; \
	for file in $(EXAMPLES); do write dist/$$file $(DESTDIR)$(DOCDIR)/examples/$$file; done; \
	test `uname` != Linux || \
		for unit in $(UNITS); do write dist/systemd/$$unit $(DESTDIR)$(UNITDIR)/$$unit; done

install-atrn:
	@$(PROGRAM); for name in $(ATRNPROGRAMS); do ! test -e cmd/$$name || program $$name; done
	$(FILE); $(PAGE); $(COMPLETION); \
	for file in man/atrn*.[1-9]; do page $$file; done; \
	for name in $(ATRNPROGRAMS); do completion $$name; done; \
	for file in $(ATRNDOCS); do write $$file $(DESTDIR)$(ATRNDOCDIR)/$$file; done; \
	for file in $(ATRNEXAMPLES); do write dist/$$file $(DESTDIR)$(ATRNDOCDIR)/examples/$$file; done; \
	test `uname` != Linux || \
		for unit in $(ATRNUNITS); do write dist/systemd/$$unit $(DESTDIR)$(UNITDIR)/$$unit; done

uninstall: uninstall-front uninstall-atrn

uninstall-front:
	for dir in cmd/*; do \
		case " $(ATRNPROGRAMS) " in *" $${dir#cmd/} "*) ;; *) rm -f $(DESTDIR)$(BINDIR)/$${dir#cmd/};; esac; \
	done
	$(NOCOMPLETION); for file in dist/completion/bash/vodmr*; do nocompletion $${file##*/}; done
	for page in man/vodmr*.[1-9]; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}; done
	for file in $(DOCS); do rm -f $(DESTDIR)$(DOCDIR)/$$file; done
	for file in $(EXAMPLES); do rm -f $(DESTDIR)$(DOCDIR)/examples/$$file; done
	for unit in $(UNITS); do rm -f $(DESTDIR)$(UNITDIR)/$$unit; done
	-cd $(DESTDIR)$(DOCDIR) && rmdir examples/freebsd/files examples/* examples
	-rmdir $(DESTDIR)$(DOCDIR)

uninstall-atrn:
	for name in $(ATRNPROGRAMS); do rm -f $(DESTDIR)$(BINDIR)/$$name; done
	$(NOCOMPLETION); for name in $(ATRNPROGRAMS); do nocompletion $$name; done
	for page in man/atrn*.[1-9]; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}; done
	for file in $(ATRNDOCS); do rm -f $(DESTDIR)$(ATRNDOCDIR)/$$file; done
	for file in $(ATRNEXAMPLES); do rm -f $(DESTDIR)$(ATRNDOCDIR)/examples/$$file; done
	for unit in $(ATRNUNITS); do rm -f $(DESTDIR)$(UNITDIR)/$$unit; done
	-cd $(DESTDIR)$(ATRNDOCDIR) && rmdir examples/* examples
	-rmdir $(DESTDIR)$(ATRNDOCDIR)

deb: all
	GO="$(GO)" scripts/deb

release:
	GO="$(GO)" scripts/release

oci: all
	mkdir -p bin/oci
	cp bin/atrn $(CERTIFICATES) bin/oci/
	GO="$(GO)" scripts/notices bin/atrn >bin/oci/NOTICES
	@echo "podman build -t atrn -f dist/oci/Containerfile bin/oci"

completion: all
	scripts/completion bin dist/completion

check:
	scripts/test format vet quick

test:
	scripts/test

clean:
	rm -rf bin

.PHONY: all install install-front install-atrn uninstall uninstall-front uninstall-atrn \
	deb release oci completion check test clean
