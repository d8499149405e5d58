# Installing, packing.  Included by targets.mk; the work is done by install.sh, dist.sh and deb.sh.

.PHONY: install uninstall dist deb
INSTALL = PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' ZSHDIR='$(ZSHDIR)' BIN='$(BIN)' sh pipelines/install.sh

## make install       programs, pages, completions, pipelines  [PREFIX=/usr/local] [DESTDIR=DIR]
install: all
	@$(INSTALL) install

## make uninstall     remove what make install wrote  [PREFIX=] [DESTDIR=]
uninstall:
	@$(INSTALL) uninstall

## make dist          the sources as olmo-VERSION.tar.gz, the same bytes every time  [DIST=FILE]
DIST ?= olmo-$(VERSION).tar.gz
dist:
	@sh pipelines/dist.sh olmo-$(VERSION) '$(DIST)'

## make deb           the Debian source and binary package, in build/deb/  [DEB=dpkg-buildpackage options]
deb:
	@sh pipelines/deps.sh build check deb
	@sh pipelines/deb.sh '$(VERSION)' '$(B)/deb' $(DEB)
