//! Passwords: which ones are taken, how they are kept, and how they are checked.
//!
//! They are kept as Argon2id with the parameters that OWASP recommends, 19 MiB and two passes, so that whoever steals the
//! file needs that much memory for every guess. For the same reason only a few are checked at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// The shortest password, characters: NIST SP 800-63B asks for length and for no mixture of kinds of characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The longest password, bytes.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Passwords that are checked at once: 38 MiB, and one core stays free for others where there are two.
const MAX_CHECKS: usize = 2;
/// Salt and hash of no password, with the parameters of a kept one: what is checked where there is no such user.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a password is not taken, if so.
pub(crate) fn refusal(password: &str, user_name: &str) -> Option<&'static str> {
    let n_chars = password.chars().count();
    let mut chars = password.chars();
    let first = chars.next();
    if n_chars < MIN_PASSWORD_CHARS {
        Some("it is shorter than 12 characters")
    } else if password.len() > MAX_PASSWORD_BYTES {
        Some("it is longer than 256 bytes")
    } else if password.to_lowercase() == user_name.to_lowercase() {
        Some("it is the name of the user")
    } else if chars.all(|other| Some(other) == first) {
        Some("it is one character again and again")
    } else {
        None
    }
}

fn argon2() -> Argon2<'static> {
    // The defaults of the library are those of OWASP today; here they stay what they are.
    let params = Params::new(19 * 1024, 2, 1, None).expect("parameters within the limits of Argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// New passwords are hashed one after the other.
static NEW_PASSWORD: Mutex<()> = Mutex::new(());

/// The password as it is kept; 19 MiB and some 30 ms.
pub(crate) fn hashed(password: &str) -> Result<String, String> {
    let _turn = NEW_PASSWORD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let hash = argon2().hash_password(password.as_bytes(), &salt).expect("a password of limited length");
    Ok(hash.to_string())
}

fn is_right(kept: &str, password: &str) -> bool {
    PasswordHash::new(kept).is_ok_and(|kept| argon2().verify_password(password.as_bytes(), &kept).is_ok())
}

/// Checks passwords, a few at once.
pub(crate) struct PasswordChecks {
    turns: Arc<Semaphore>,
    n_checks: AtomicU64,
}

impl PasswordChecks {
    pub(crate) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(MAX_CHECKS)), n_checks: AtomicU64::new(0) }
    }

    /// How many passwords were checked since the start, those of unknown users too.
    pub(crate) fn n_checks(&self) -> u64 {
        self.n_checks.load(Ordering::Relaxed)
    }

    /// Whether a password is the one that is kept. Without one the answer is no after the same work, so that time does not
    /// tell who exists.
    pub(crate) async fn is_right(&self, kept: Option<String>, password: String) -> Result<bool, Problem> {
        let overloaded = |_| Problem::unavailable("overloaded", "too many passwords are being checked");
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await.map_err(overloaded)?;
        self.n_checks.fetch_add(1, Ordering::Relaxed);
        let is_known = kept.is_some();
        let kept = kept.unwrap_or_else(|| NOBODY.to_owned());
        // Who hangs up does not end the work, so the work keeps its turn.
        let checked = tokio::task::spawn_blocking(move || {
            let is_right = is_right(&kept, &password);
            drop(turn);
            is_right
        })
        .await;
        Ok(checked.map_err(|_| Problem::internal("the password could not be checked"))? && is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_kept_with_the_parameters_of_owasp_and_another_salt_each_time() {
        let (one, two) = (hashed("correct horse battery").unwrap(), hashed("correct horse battery").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(is_right(&one, "correct horse battery") && !is_right(&one, "correct horse batterz"));
        assert!(!is_right("damaged", "correct horse battery"));
    }

    #[test]
    fn length_is_what_counts() {
        assert_eq!(refusal("elevenchars", "ada"), Some("it is shorter than 12 characters"));
        assert_eq!(refusal("twelve chars", "ada"), None);
        assert_eq!(refusal("十二个字符的密码也可以用", "ada"), None, "characters count, not bytes");
        assert_eq!(refusal(&"ab".repeat(129), "ada"), Some("it is longer than 256 bytes"));
        assert_eq!(refusal("Ada.Lovelace", "ada.lovelace"), Some("it is the name of the user"));
        assert_eq!(refusal("aaaaaaaaaaaaaaa", "ada"), Some("it is one character again and again"));
    }

    #[tokio::test]
    async fn nobody_has_no_password_and_costs_a_check() {
        let checks = PasswordChecks::new();
        assert!(!checks.is_right(None, String::new()).await.unwrap());
        assert_eq!(checks.n_checks(), 1);
        let (nobody, somebody) = (PasswordHash::new(NOBODY).unwrap(), hashed("twelve chars").unwrap());
        assert_eq!(nobody.params, PasswordHash::new(&somebody).unwrap().params, "the same work");
    }
}
