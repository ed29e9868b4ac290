//! Passwords: kept as argon2id with a salt of their own, and slow to try.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use nightrun_core::decide::Sealed;

/// Shortest password, in characters.
pub const MIN_PASSWORD: usize = 10;

/// Longest password, in bytes: what is hashed must not be a load by itself.
const MAX_PASSWORD: usize = 1_024;

/// Compared with where there is no such user, so that both answers take as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bmlnaHRydW4tbm9ib2R5$\
                      Yl3qrbsU0CIFQC9lLQf0bBzJP1vSzlxkqjP3Zq9yQ3I";

/// Why a password is refused, if it is.
pub fn check_password(password: &str) -> Result<(), String> {
    if password.chars().count() < MIN_PASSWORD {
        return Err(format!("a password has at least {MIN_PASSWORD} characters"));
    }
    if password.len() > MAX_PASSWORD {
        return Err(format!("a password has at most {MAX_PASSWORD} bytes"));
    }
    Ok(())
}

/// The hash of a password that may be used; takes some tens of milliseconds and 19 MiB.
pub fn seal_password(password: &str) -> Result<Sealed, String> {
    check_password(password)?;
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| Sealed::new(hash.to_string().as_str())).map_err(|fault| fault.to_string())
}

/// True when the password has this hash; `None` is a user who does not exist, and takes as long.
pub fn verify_password(password: &str, hash: Option<&Sealed>) -> bool {
    if password.len() > MAX_PASSWORD {
        return false;
    }
    let known = hash.is_some();
    let Ok(hash) = PasswordHash::new(hash.map_or(NOBODY, Sealed::hash)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_two_hashes_are_alike() {
        let hash = seal_password("correct horse").unwrap();
        assert!(hash.hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(hash, seal_password("correct horse").unwrap());
        assert!(verify_password("correct horse", Some(&hash)));
        assert!(!verify_password("correct  horse", Some(&hash)));
        assert!(!verify_password("correct horse", None));
        assert!(PasswordHash::new(NOBODY).is_ok(), "or an unknown user is answered at once");
        assert!(seal_password("short").is_err());
        assert!(!verify_password(&"x".repeat(1 << 20), Some(&hash)));
    }
}
