//! Tokens: long random secrets of programs. Their hash needs no salt, for nobody can guess 256 bits.

use nightrun_core::decide::Sealed;
use sha2::{Digest, Sha256};

use crate::store::hex;

/// How every token begins, so that scanners of leaked secrets can find it.
pub const TOKEN_PREFIX: &str = "nrt_";

/// Characters of the secret that are shown afterwards, with the prefix.
const SHOWN: usize = 12;

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// The secret itself, shown once.
    pub secret: String,
    /// How it begins.
    pub prefix: String,
    /// What is kept of it.
    pub sealed: Sealed,
}

impl NewToken {
    /// Makes one; fails where the system has no randomness.
    pub fn make() -> Result<Self, String> {
        let secret = format!("{TOKEN_PREFIX}{}", new_secret()?);
        let (prefix, sealed) = (secret[..SHOWN].to_owned(), seal_token(&secret));
        Ok(Self { secret, prefix, sealed })
    }
}

/// 256 random bits as hexadecimal text.
pub fn new_secret() -> Result<String, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|fault| fault.to_string())?;
    Ok(hex(&bytes))
}

/// What is kept of a secret.
pub fn seal_token(secret: &str) -> Sealed {
    Sealed::new(&hex(&Sha256::digest(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_show_their_beginning_only() {
        let (one, two) = (NewToken::make().unwrap(), NewToken::make().unwrap());
        assert_ne!(one.secret, two.secret);
        assert!(one.secret.starts_with(&one.prefix) && one.prefix.len() == SHOWN);
        assert_eq!((one.secret.len(), one.sealed.hash().len()), (68, 64));
        assert_eq!(seal_token(&one.secret), one.sealed);
    }
}
