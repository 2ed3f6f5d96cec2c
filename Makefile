# make            static programs in bin/; needs Go
# make install    into PREFIX, below DESTDIR; as root, and needs no Go any more
# make uninstall  takes away what make install put there
# make deb        vodmr_VERSION_ARCH.deb in bin/, by dpkg-deb
# make check      gofmt, go vet and the short tests: a minute
# make test       all tests: scripts/test
# make clean
.POSIX:

GO = go
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/vodmr
DESTDIR =

DOCS = README.md ANNOUNCEMENT INSTALL FAQ SWITCHING INTERNALS STANDING CHANGES TODO LICENSE
EXAMPLES = systemd/vodmr.socket systemd/vodmr@.service \
	systemd/vodmr-expire.service systemd/vodmr-expire.timer \
	freebsd/Makefile freebsd/pkg-descr freebsd/files/vodmr.in fail2ban/vodmr.conf

# What is installed names its own place.
WRITE = sed -e 's,/usr/local/bin/,$(BINDIR)/,g' -e 's,/usr/local/share/doc/vodmr,$(DOCDIR),g'

# The commit is this folder's own, not that of a repository around an unpacked
# archive. -s leaves out the symbol table, which only a debugger reads.
all:
	commit=`test -e .git && git describe --always --dirty --abbrev=12 2>/dev/null || :`; \
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
		-ldflags "-s -X vodmr/internal/version.commit=$$commit" -o bin/ ./cmd/...

install:
	@for dir in cmd/*; do \
		test -x bin/$${dir#cmd/} || { echo "bin/$${dir#cmd/} is not there: run make first" >&2; exit 1; }; \
	done
	mkdir -p $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR)
	for dir in cmd/*; do \
		install -m 755 bin/$${dir#cmd/} $(DESTDIR)$(BINDIR)/ || exit 1; \
	done
	write() { mkdir -p $${2%/*} && rm -f $$2 && $(WRITE) $$1 >$$2 && chmod 644 $$2 || exit 1; }; \
	for page in man/*.[1-9]; do \
		write $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}; \
	done; \
	for file in $(DOCS); do write $$file $(DESTDIR)$(DOCDIR)/$$file; done; \
	for file in $(EXAMPLES); do write dist/$$file $(DESTDIR)$(DOCDIR)/examples/$$file; done

uninstall:
	for dir in cmd/*; do rm -f $(DESTDIR)$(BINDIR)/$${dir#cmd/}; done
	for page in man/*.[1-9]; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}; done
	for file in $(DOCS); do rm -f $(DESTDIR)$(DOCDIR)/$$file; done
	for file in $(EXAMPLES); do rm -f $(DESTDIR)$(DOCDIR)/examples/$$file; done
	-cd $(DESTDIR)$(DOCDIR) && rmdir examples/freebsd/files examples/* examples
	-rmdir $(DESTDIR)$(DOCDIR)

deb: all
	scripts/deb

check:
	scripts/test format vet quick

test:
	scripts/test

clean:
	rm -rf bin

.PHONY: all install uninstall deb check test clean
