# `make check` is what CI runs.
.PHONY: check fmt lint test doc size slim deny gpu

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

# Licences and sources; needs cargo-deny.
deny:
	cargo deny check licenses bans sources

# Needs a GPU; Mesa's software driver for Vulkan will do.
gpu:
	cargo test --release -p relume-train --features wgpu --test devices -- --nocapture
