//! Proofs of who somebody is: passwords as argon2id, tokens as SHA-256 of a long random secret.

mod password;
mod token;

pub use password::{MIN_PASSWORD, check_password, seal_password, verify_password};
pub use token::{NewToken, TOKEN_PREFIX, new_secret, seal_token};
