# ipc: build, try, check and install. "make help" lists the targets and variables.

# Installation directories. DESTDIR is prefixed to all of them, for packagers.
prefix = /usr
bindir = $(prefix)/bin
libexecdir = $(prefix)/libexec
pkglibexecdir = $(libexecdir)/ipc
systemdsystemunitdir = $(prefix)/lib/systemd/system
systemduserunitdir = $(prefix)/lib/systemd/user
datadir = $(prefix)/share
mandir = $(datadir)/man
docdir = $(datadir)/doc/ipc-server
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishconfdir = $(datadir)/fish/vendor_conf.d
DESTDIR =

INSTALL = install
INSTALL_PROGRAM = $(INSTALL) -m 755
INSTALL_DATA = $(INSTALL) -m 644

# Chosen by measurement for programs that are mostly idle. Without a JIT they need no
# pages that are both writable and executable, and less memory; a round trip takes
# a quarter more processor time. One thread less, and a small young generation,
# save memory too.
V8_FLAGS = --lite-mode,--single-threaded,--max-semi-space-size=1

# V=1 shows every command.
V =
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n')

# The programs keep their permissions in deno.json, under these names.
PROGRAMS = server client
EXECUTABLES = $(PROGRAMS:%=bin/ipc-%)
UNITS = ipc-server.socket ipc-server.service ipc-client.service
TEMPLATE_UNITS = ipc-server@.socket ipc-server@.service
SYSTEM_UNITS = $(UNITS) $(TEMPLATE_UNITS)
DROP_INS = $(wildcard units/drop-ins/*.conf)
MANUALS = ipc-client.1 ipc-server.socket.5 ipc-server.8
COMPLETIONS = $(PROGRAMS:%=bash/ipc-%) zsh/_ipc-server

# An archive of built files has nothing to build from.
ifneq ($(wildcard toolchain/deno),)
SOURCES := Makefile deno.json deno.lock toolchain/bundle toolchain/bundle_imports.ts \
	toolchain/checksums toolchain/name_chunks.ts \
	$(shell find $(wildcard mod.ts runtime activation daemon serve cli $(PROGRAMS)) -name '*.ts')
else
$(foreach goal,$(filter-out all run install installcheck uninstall help,$(MAKECMDGOALS)), \
	$(error "make $(goal)" needs the sources, and this is an archive of built files: take \
	the archive without "-linux-" in its name))
endif

# Recipes use these in make lists, shell words, and sed replacements;
# units contain pkglibexecdir. Characters that are special there are refused.
DIRECTORIES = DESTDIR prefix bindir libexecdir pkglibexecdir systemdsystemunitdir \
	systemduserunitdir datadir mandir docdir bashcompletiondir zshcompletiondir \
	fishconfdir
unfit := & | % ' " $$ \ ; ( ) * ? [ ] { } < > ` ! \#
check_directory = $(foreach character,$(unfit),$(if $(findstring $(character),$($(1))), \
		$(error $(1) is "$($(1))": choose a directory without $(character) in its name))) \
	$(if $(filter-out 1,$(words x$($(1))x)),$(error $(1) is "$($(1))": it must not have spaces)) \
	$(if $(filter-out DESTDIR,$(1)),$(if $(filter /%,$($(1))),, \
		$(error $(1) is "$($(1))": it must start with /)))
$(foreach directory,$(DIRECTORIES),$(call check_directory,$(directory)))
# A slash at the end would be doubled in units and manuals.
$(foreach directory,$(DIRECTORIES),$(eval override $(directory) := $(patsubst %/,%,$($(directory)))))

.PHONY: all
all: $(EXECUTABLES)

# Bundling and compiling are two steps for reproducible builds: the compiled
# modules then have the same names and times in every build.
# Deno writes an executable under a temporary name, and renames it at the end.
# No code cache: Deno would read it from a guessable name in TMPDIR, before any of our
# code runs, where any user may put one.
# Lazily imported modules are separate files, which V8 parses on import.
define build
$(say) COMPILE bin/ipc-$(1)
$(Q)toolchain/bundle $(1)
$(Q)toolchain/deno compile --quiet --frozen --no-prompt --no-code-cache -P=$(1) \
	--v8-flags=$(V8_FLAGS) -o bin/ipc-$(1) build/ipc-$(1)/main.js

endef

$(EXECUTABLES) &: $(SOURCES)
	@toolchain/find
	@mkdir -p bin build
	$(foreach program,$(PROGRAMS),$(call build,$(program)))

.PHONY: run
run: all
	@examples/run

# With REQUIRE_SYSTEM=1 a skipped step is a failure; SUITE and ONLY
# select steps and tests.
.PHONY: check check-release
check: all
	@tests/check

# What takes too long for each change.
check-release: all
	@SUITE=oldest,newest-systemd tests/check

# Our server beside others; ROUNDS and other variables change the duration.
.PHONY: bench
bench: all
	@V8_FLAGS='$(V8_FLAGS)' toolchain/deno run --quiet --allow-all --frozen tests/bench/bench.ts
	@[ -n '$(CONTENDERS)' ] || V8_FLAGS='$(V8_FLAGS)' \
		toolchain/deno run --quiet --allow-all --frozen tests/bench/http.ts

# The random peers of "make check" for MINUTES; then 100,000 short
# connections, and, for root, who can boot a systemd, a thousand idle exits and a
# hundred kills.
MINUTES = 5
.PHONY: soak
soak: all
	@SOAK_MINUTES='$(MINUTES)' toolchain/deno test --allow-all --no-check --frozen \
		tests/serve/fuzz_test.ts \
		tests/integration/soak_test.ts tests/integration/churn_test.ts \
		$(if $(filter 0,$(shell id -u)),\
			tests/system/idle_exit_test.ts tests/system/restart_test.ts \
			tests/system/debian_13_test.ts)

# Needs only executables of any age: root may have no Deno. Only missing
# files are built. Executables are never stripped: that would remove the
# program that Deno appended to its runtime.
.PHONY: install
install: $(filter-out $(wildcard $(EXECUTABLES)),$(EXECUTABLES))
	$(Q)umask 022 && \
		shared=$$(find $(DESTDIR)/ -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) || :; \
		made=$$(LC_ALL=C $(INSTALL) -dv $(targetdirs:%=$(DESTDIR)%)) && \
		[ -z "$$shared" ] || echo "$$made" | \
		sed -n "s|.*creating directory '$(DESTDIR)\(.*\)'$$|\1|p" >>$(made_directories)
	$(Q)$(INSTALL_PROGRAM) $(EXECUTABLES) $(DESTDIR)$(pkglibexecdir)
	$(Q)[ $(DESTDIR)$(bindir) -ef $(DESTDIR)$(pkglibexecdir) ] || \
		ln -sfr $(DESTDIR)$(pkglibexecdir)/ipc-client $(installed_link)
	$(Q)$(INSTALL_DATA) $(SYSTEM_UNITS:%=units/%) $(DESTDIR)$(systemdsystemunitdir)
	$(Q)$(INSTALL_DATA) $(UNITS:%=units/user/%) $(DESTDIR)$(systemduserunitdir)
	$(Q)$(foreach section,1 5 8,$(INSTALL_DATA) $(filter %.$(section),$(MANUALS:%=cli/manual/%)) \
		$(DESTDIR)$(mandir)/man$(section) &&) :
	$(Q)$(foreach it,bash zsh,$(INSTALL_DATA) \
		$(filter cli/completions/$(it)/%,$(COMPLETIONS:%=cli/completions/%)) $(DESTDIR)$($(it)completiondir) &&) :
	$(Q)$(INSTALL_DATA) cli/completions/ipc.fish $(DESTDIR)$(fishconfdir)
	$(Q)$(INSTALL_DATA) units/README.md $(DESTDIR)$(docdir)/units
	$(Q)$(INSTALL_DATA) $(DROP_INS) $(DESTDIR)$(docdir)/units/drop-ins
	$(Q)sed -i -e 's|/usr/libexec/ipc\b|$(pkglibexecdir)|g' \
		-e 's|/usr/bin/ipc-client\b|$(bindir)/ipc-client|' \
		-e 's|/usr/lib/systemd/system\b|$(systemdsystemunitdir)|' \
		-e 's|/usr/lib/systemd/user\b|$(systemduserunitdir)|' \
		$(installed_units) $(installed_user_units) \
		$(installed_manuals) $(installed_completions) $(installed_docs)
	@printf 'installed: %s\n' $(installed)
	$(if $(DESTDIR),,@echo 'next: systemctl daemon-reload && systemctl start ipc-client.service')

targetdirs = $(bindir) $(pkglibexecdir) $(systemdsystemunitdir) $(systemduserunitdir) \
	$(mandir)/man1 $(mandir)/man5 $(mandir)/man8 $(docdir)/units/drop-ins \
	$(bashcompletiondir) $(zshcompletiondir) $(fishconfdir)
installed_units = $(SYSTEM_UNITS:%=$(DESTDIR)$(systemdsystemunitdir)/%)
installed_user_units = $(UNITS:%=$(DESTDIR)$(systemduserunitdir)/%)
installed_link = $(DESTDIR)$(bindir)/ipc-client
installed_docs = $(addprefix $(DESTDIR)$(docdir)/,units/README.md $(DROP_INS))
installed_executables = $(EXECUTABLES:bin/%=$(DESTDIR)$(pkglibexecdir)/%)
installed_manuals = $(foreach it,$(MANUALS),$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(it)))/$(it))
installed_completions = $(DESTDIR)$(fishconfdir)/ipc.fish \
	$(foreach it,$(COMPLETIONS),$(DESTDIR)$($(patsubst %/,%,$(dir $(it)))completiondir)/$(notdir $(it)))
installed = $(installed_executables) $(installed_link) $(installed_units) \
	$(installed_user_units) $(installed_manuals) $(installed_completions) $(installed_docs)

# The directories that "make install" created, for "make uninstall": systems have some
# empty ones of their own, such as those for completions of a shell, which stay. An empty
# DESTDIR, as packagers have, gets no such file: all directories in it are created.
made_directories = $(DESTDIR)$(docdir)/made-directories

# Links of "systemctl enable" would dangle, and running units would run on.
# Removes created directories too, up to the first that is not empty
# or is at the top of the tree.
.PHONY: uninstall
uninstall:
	$(Q)! command -v systemctl >/dev/null || \
		{ systemctl --quiet $(if $(DESTDIR),--root='$(DESTDIR)' disable,disable --now) \
			$(SYSTEM_UNITS); \
		$(if $(DESTDIR),,systemctl stop $(TEMPLATE_UNITS:ipc-server@%='ipc-server@*%');) \
		systemctl --quiet --global $(if $(DESTDIR),--root='$(DESTDIR)') disable \
			$(UNITS); } >/dev/null 2>&1 || :
	$(Q)made=$$(cat $(made_directories) 2>/dev/null) || made=all; \
	rm -rf $(installed) $(made_directories); \
	for directory in $(targetdirs:/%=%); do \
		while case $$directory in */*) ;; *) false ;; esac && \
			{ [ "$$made" = all ] || echo "$$made" | grep -qxF "/$$directory"; } && \
			rmdir $(DESTDIR)/$$directory; do \
			directory=$${directory%/*}; \
		done 2>/dev/null; \
	done
	$(if $(DESTDIR),,@echo 'next: systemctl daemon-reload')

# Units are verified as copies that name the current paths of the executables,
# below DESTDIR.
.PHONY: installcheck
installcheck:
	$(Q)for executable in $(installed_executables) $(installed_link); do \
		"$$executable" --version || exit; \
	done
	$(Q)copies=$$(mktemp -d) && trap 'rm -rf "$$copies"' EXIT && \
		mkdir "$$copies/system" "$$copies/user" && \
		cp $(installed_units) "$$copies/system" && \
		cp $(installed_user_units) "$$copies/user" && \
		sed -i 's|$(pkglibexecdir)\b|$(DESTDIR)$(pkglibexecdir)|' "$$copies"/*/* && \
		said=$$(for manager in system user; do \
			cd "$$copies/$$manager" && \
			SYSTEMD_UNIT_PATH="$$copies/$$manager:" XDG_RUNTIME_DIR="$$copies" \
				systemd-analyze --$$manager verify ./* 2>&1 || exit; \
		done) && \
		[ -z "$$said" ] || { echo "$$said" >&2; exit 1; }
	$(Q)for document in $(installed_manuals) $(installed_completions) $(installed_docs); do \
		[ -s "$$document" ] || { echo "$$document is not there" >&2; exit 1; }; \
	done
	@echo 'installcheck: fine'

# Packages, by the tools of each distribution; see packaging/README.md.
distdir = dist
COMPRESSION = best
MAINTAINER =
HOMEPAGE =
export COMPRESSION MAINTAINER HOMEPAGE
PACKAGES = deb rpm arch dist

.PHONY: $(PACKAGES)
$(PACKAGES): all
	$(Q)OUTPUT='$(distdir)' packaging/make_$@

# With make -j the archives are made last: their
# SHA256SUMS lists all packages.
dist: | $(filter-out dist,$(filter $(PACKAGES),$(MAKECMDGOALS)))

# Sets the version, commits and tags; pushes nothing.
VERSION =
RELEASE_CHECKS = check check-release
.PHONY: release
release:
	@RELEASE_CHECKS='$(RELEASE_CHECKS)' packaging/release '$(VERSION)'

.PHONY: clean
clean:
	$(Q)rm -rf bin build

.PHONY: distclean
distclean: clean
	$(Q)rm -rf toolchain/installed dist

.PHONY: help
help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: Targets
#:   all           bin/ipc-server and bin/ipc-client (the default)
#:   run           show the main job without installing anything
#:   check         run all checks and tests; the last line counts them
#:   check-release run the tests on the oldest Deno and the newest systemd
#:   bench         our server beside others, in minutes; needs gcc,
#:                 libsystemd-dev, node, python3 and wrk
#:   soak          random HTTP requests, then peers of every kind, each for MINUTES=5;
#:                 100,000 short ones, idle exits and kills; SEED= repeats a run
#:   install       install all files; starts and enables nothing
#:   installcheck  run and verify the installed files
#:   uninstall     remove the installed files
#:   deb rpm arch  a package in dist/, for Debian, Fedora and the like, Arch
#:   dist          archives of the sources, and of all that "make install" needs
#:   release       VERSION=1.2.3: bump, date the changelog, check, commit and tag
#:   clean         remove built files; distclean: the fetched Deno and dist/ too
#:
#: Variables
#:   prefix=/usr                 bindir=$(prefix)/bin
#:   libexecdir=$(prefix)/libexec
#:   pkglibexecdir=$(libexecdir)/ipc
#:   systemdsystemunitdir=$(prefix)/lib/systemd/system
#:   systemduserunitdir=$(prefix)/lib/systemd/user
#:   datadir=$(prefix)/share     mandir=$(datadir)/man
#:   docdir=$(datadir)/doc/ipc-server
#:   bashcompletiondir=$(datadir)/bash-completion/completions
#:   zshcompletiondir=$(datadir)/zsh/site-functions
#:   fishconfdir=$(datadir)/fish/vendor_conf.d
#:   DESTDIR=                    is prefixed to all of these
#:   INSTALL=install             INSTALL_PROGRAM=$(INSTALL) -m 755
#:                               INSTALL_DATA=$(INSTALL) -m 644
#:   DENO=PATH DENORT_BIN=PATH   your own Deno, and its compile runtime
#:   DENO_DIR=PATH               Deno's cache
#:   V8_FLAGS=...                V8 flags compiled in; see packaging/README.md
#:   V=1                         show every command
#:   distdir=dist                the directory of packages and archives
#:   COMPRESSION=best            for packages: best or fast
#:   MAINTAINER='NAME <ADDRESS>' for packages: their maintainer
#:   HOMEPAGE=ADDRESS            for packages: the address of the project and its sources
#:   SOURCE_DATE_EPOCH=SECONDS   for packages: their time, by default the last commit's
#:   VERSION=1.2.3               for release: the new version
#:   RELEASE_CHECKS="check check-release"  for release: targets that must succeed
#:   INTERVAL=200ms              for run: the pause between two lines
#:   REQUIRE_SYSTEM=1            for check: a skipped step is a failure
#:   MINUTES=5 SEED=N            for soak: its duration, and the seed of the peers
#:   SUITE=NAME,...              for check: these steps only (a wrong name lists them)
#:   ONLY=TEXT                   for check: tests with TEXT in their name only
#:   ROUNDS=5 SECONDS_EACH=1     for bench: the number of rounds, and
#:                               the duration of each load
#:   HELD=4000                   for bench: the number of idle connections
#:   CONTENDERS=ours,node,...    for bench: these only (a wrong name lists them)
#:   REPORT=build/bench.md       for bench: the file that the tables are written to
