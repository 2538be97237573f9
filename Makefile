# `make check` is what CI runs.
.PHONY: check fmt lint test doc size slim deny gpu guide deb page python python-slow sanitize fuzz hard-days

check: fmt lint test doc size slim

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --features train,tensorboard --locked -- -D warnings

test:
	cargo test --workspace --features train,tensorboard

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --features train,tensorboard --no-deps --locked

# No Rust file over 500 lines.
size:
	@git ls-files '*.rs' | xargs wc -l | awk '$$2 != "total" && $$1 > 500 { print; bad = 1 } END { exit bad }'

# The default program must not compile burn.
slim:
	@! cargo tree --locked -p relume-cli --edges normal,build --prefix none | grep -E '^(burn|cubecl)'

# Licences, sources and known holes; needs cargo-deny and cargo-audit.
deny:
	cargo deny check
	cargo audit

# The kernels under Miri (portable path) and AddressSanitizer (all paths); needs a nightly compiler.
sanitize:
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" \
	    cargo +nightly miri test -p relume-kernels --target-dir target/miri
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p relume-kernels --target-dir target/asan \
	    --target x86_64-unknown-linux-gnu --tests

# Every fuzz target for SECONDS, from its corpus on; needs cargo-fuzz and a nightly compiler.
SECONDS = 1200
fuzz:
	cd fuzz && for target in $$(cargo +nightly fuzz list); do \
	    mkdir -p target/found/$$target && \
	    cargo +nightly fuzz run $$target target/found/$$target corpus/$$target -- \
	        -max_total_time=$(SECONDS) -rss_limit_mb=2048 -timeout=10 || exit 1; done

# What docs/reliability.md counts: mutated pictures and kills in full number.
hard-days:
	RELUME_MUTATED=5000 RELUME_KILLS=100 cargo test -p relume-cli --features train -- --nocapture \
	    mutated kill

# Builds the page, and tries it in Chromium; needs Node 20.19 or newer.
page:
	cd relume-cli/page && npm ci && npm run check && npm run build
	cargo build -p relume-cli
	cd relume-cli/page && npm test

# The Python package, in an environment of its own in target/python, and its tests. Needs Python 3.10 or newer; without
# it, and without packages, it says that it skips. Tests skip, with the reason, what needs programs that are not there.
python:
	relume-py/check.sh

# Those of its tests that want Ray, half a gigabyte.
python-slow:
	relume-py/check.sh slow

# Needs a GPU; Mesa's software driver for Vulkan will do.
gpu:
	cargo test --release -p relume-train --features wgpu --test devices -- --nocapture

# The guide as a book, in target/guide; needs mdbook. A warning is a failure.
guide:
	mdbook build docs/guide 2>&1 | tee /dev/stderr | { ! grep -qE 'WARN|ERROR'; }

# A Debian package, in target/debian; needs cargo-deb 3.
deb:
	python3 packaging/third_party.py --check
	cargo build --release --locked -p relume-cli
	rm -rf target/package && mkdir -p target/package
	target/release/relume man target/package/man
	target/release/relume completions bash >target/package/relume.bash
	target/release/relume completions zsh >target/package/_relume
	target/release/relume completions fish >target/package/relume.fish
	cargo deb -p relume-cli --no-build
