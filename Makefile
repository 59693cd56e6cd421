# ipc: build, try, check and install. "make help" tells what there is.

# Where things go. DESTDIR goes before all of them, for packagers.
prefix = /usr
libexecdir = $(prefix)/libexec
pkglibexecdir = $(libexecdir)/ipc
systemdsystemunitdir = $(prefix)/lib/systemd/system
DESTDIR =

INSTALL = install
INSTALL_PROGRAM = $(INSTALL) -m 755
INSTALL_DATA = $(INSTALL) -m 644

# Chosen by measurement for programs that mostly wait: no JIT and one thread cost
# an echo nothing, and save memory, start-up time and the need for pages that are
# both writable and executable.
V8_FLAGS = --lite-mode,--single-threaded,--max-semi-space-size=1

# V=1 shows every command.
V =
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n')

# The programs keep their permissions in deno.json, under these names.
PROGRAMS = server client
EXECUTABLES = $(PROGRAMS:%=bin/ipc-%)
UNITS = ipc-server.socket ipc-server.service ipc-client.service

SOURCES := Makefile deno.json deno.lock \
	$(shell find $(wildcard mod.ts activation daemon serve cli $(PROGRAMS)) -name '*.ts')

# make cannot tell a space within a path from one between two.
$(if $(filter-out 0 1,$(words $(DESTDIR))),$(error DESTDIR is "$(DESTDIR)": it must not have spaces))

.PHONY: all
all: $(EXECUTABLES)

# Bundling and compiling are two steps for the sake of identical bytes: what is
# compiled then has the same name and time whenever, and wherever, it is built.
# Deno writes an executable under another name first, and renames it when done.
# No code cache: it would be a file of a guessable name in /tmp, which whoever
# comes first can fill; and under PrivateTmp= no start ever finds it again.
define build
$(say) COMPILE bin/ipc-$(1)
$(Q)toolchain/deno bundle --quiet --frozen --minify -o build/ipc-$(1).js $(1)/main.ts
$(Q)touch -d @0 build/ipc-$(1).js
$(Q)toolchain/deno compile --quiet --frozen --no-prompt --no-code-cache -P=$(1) \
	--v8-flags=$(V8_FLAGS) -o bin/ipc-$(1) build/ipc-$(1).js

endef

$(EXECUTABLES) &: $(SOURCES)
	@toolchain/find
	@mkdir -p bin build
	$(foreach program,$(PROGRAMS),$(call build,$(program)))

.PHONY: run
run: all
	@units/run

# REQUIRE_SYSTEM=1 makes a failure of what would be skipped; SUITE and ONLY
# choose among the steps and the tests.
.PHONY: check
check: all
	@mkdir -p build
	@toolchain/deno run --quiet --allow-all --frozen tests/check.ts

# Our server beside others; ROUNDS and the like change how long it takes.
.PHONY: bench
bench: all
	@V8_FLAGS='$(V8_FLAGS)' toolchain/deno run --quiet --allow-all --frozen tests/bench/bench.ts

# What "make check" does for seconds, for as long as wanted.
MINUTES = 5
.PHONY: soak
soak: all
	@SOAK_MINUTES='$(MINUTES)' toolchain/deno test --allow-all --no-check --frozen \
		tests/integration/soak_test.ts

# Needs nothing but what is in bin/, however old: root may have no Deno. Only what
# is not there is built. Executables are never stripped: that would take away the
# program that Deno put behind its runtime.
.PHONY: install
install: $(filter-out $(wildcard $(EXECUTABLES)),$(EXECUTABLES))
	$(Q)umask 022 && $(INSTALL) -d $(targetdirs:%=$(DESTDIR)%)
	$(Q)$(INSTALL_PROGRAM) $(EXECUTABLES) $(DESTDIR)$(pkglibexecdir)
	$(Q)$(INSTALL_DATA) $(UNITS:%=units/%) $(DESTDIR)$(systemdsystemunitdir)
	$(Q)sed -i 's|/usr/libexec/ipc\b|$(pkglibexecdir)|' $(installed_units)
	@printf 'installed: %s\n' $(installed)
	$(if $(DESTDIR),,@echo 'next: systemctl daemon-reload && systemctl start ipc-client.service')

targetdirs = $(pkglibexecdir) $(systemdsystemunitdir)
installed_units = $(UNITS:%=$(DESTDIR)$(systemdsystemunitdir)/%)
installed_executables = $(EXECUTABLES:bin/%=$(DESTDIR)$(pkglibexecdir)/%)
installed = $(installed_executables) $(installed_units)

# Links that "systemctl enable" made would dangle, and what runs would run on.
# Directories go too, up to the first that still has something in it, or stands
# at the top of the tree.
.PHONY: uninstall
uninstall:
	$(Q)! command -v systemctl >/dev/null || \
		systemctl --quiet $(if $(DESTDIR),--root='$(DESTDIR)' disable,disable --now) \
			$(UNITS) >/dev/null 2>&1 || :
	$(Q)rm -f $(installed)
	$(Q)for directory in $(targetdirs:/%=%); do \
		while case $$directory in */*) rmdir $(DESTDIR)/$$directory ;; *) false ;; esac; do \
			directory=$${directory%/*}; \
		done 2>/dev/null; \
	done
	$(if $(DESTDIR),,@echo 'next: systemctl daemon-reload')

# Units are verified as copies that name the executables where they are now, which
# is below DESTDIR.
.PHONY: installcheck
installcheck:
	$(Q)for executable in $(installed_executables); do \
		"$$executable" --version || exit; \
	done
	$(Q)copies=$$(mktemp -d) && trap 'rm -rf "$$copies"' EXIT && \
		cp $(installed_units) "$$copies" && \
		sed -i 's|$(pkglibexecdir)\b|$(DESTDIR)$(pkglibexecdir)|' "$$copies"/* && \
		said=$$(SYSTEMD_UNIT_PATH="$$copies:" systemd-analyze verify $(UNITS) 2>&1) && \
		[ -z "$$said" ] || { echo "$$said" >&2; exit 1; }
	@echo 'installcheck: fine'

.PHONY: clean
clean:
	$(Q)rm -rf bin build

.PHONY: distclean
distclean: clean
	$(Q)rm -rf toolchain/installed

.PHONY: help
help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: Targets
#:   all           bin/ipc-server and bin/ipc-client (what "make" alone does)
#:   run           show the main job without installing anything
#:   check         everything that can be checked; its last line counts it
#:   bench         our server beside others, in a few minutes; needs a C compiler
#:   soak          peers of every temper, for MINUTES=5; SEED= repeats a run
#:   install       put executables and units in place; starts and enables nothing
#:   installcheck  run and verify what is installed
#:   uninstall     take it away again
#:   clean         remove what was built; distclean: the fetched Deno too
#:
#: Variables
#:   prefix=/usr                 libexecdir=$(prefix)/libexec
#:   pkglibexecdir=$(libexecdir)/ipc
#:   systemdsystemunitdir=$(prefix)/lib/systemd/system
#:   DESTDIR=                    goes before all of these
#:   INSTALL=install
#:   DENO=PATH DENORT_BIN=PATH   your own Deno, and its compile runtime
#:   V=1                         show every command
#:   INTERVAL=200ms              for run: the pause between two lines
#:   REQUIRE_SYSTEM=1            for check: what cannot run is a failure
#:   SUITE=NAME,...              for check: these steps only (a wrong one lists them)
#:   ONLY=TEXT                   for check: tests with TEXT in their name only
#:   ROUNDS=5 SECONDS_EACH=1     for bench: how often everything is measured, and
#:                               how long each load lasts
#:   STARTS=5 HELD=5000          for bench: extra starts in each round, and how many
#:                               connections are held open at once
#:   CONTENDERS=ours,node,...    for bench: these only (a wrong one lists them)
#:   REPORT=build/bench.md       for bench: the file that gets the tables too
