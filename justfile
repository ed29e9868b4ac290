# What is done often. `just` lists it.

default:
    @just --list

# The whole gate
ci:
    bash .ci/run

# Format, lint, test
check:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace

# Replay one simulated night
sim seed:
    NIGHTRUN_SEED={{seed}} cargo test -p nightrun-core --test decide night

# Speed beside its floor
bench:
    cargo bench

# kill -9 under load, many times
crash rounds="10":
    NIGHTRUN_CRASHES={{rounds}} cargo test --release --test e2e crash

# The API against its own description, by schemathesis from PyPI
api:
    .ci/api

# Pictures of every page in six conditions, in target/shots
shots:
    .ci/shots

# Licences, advisories, sources
deny:
    cargo deny check
