//! The store: one SQLite file that remembers every transition.
