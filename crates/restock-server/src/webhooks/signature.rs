//! Signatures as the Standard Webhooks specification writes them: HMAC-SHA256 over id, time and body, with a secret that
//! only we and the receiver know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The secret for 256 random bits.
pub(crate) fn secret(bits: &[u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(bits))
}

/// The header `webhook-signature` of a delivery; `seconds` since 1970 are its time.
pub(crate) fn signature(secret: &str, id: &str, seconds: i64, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("keys may have any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac and base64: the key is the bytes 0 to 31.
    #[test]
    fn signatures_are_those_of_another_implementation() {
        let bits = std::array::from_fn(|idx| idx as u8);
        let secret = secret(&bits);
        assert_eq!(secret, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let signed = signature(&secret, "msg_1", 1_700_000_000, br#"{"hello":"world"}"#);
        assert_eq!(signed, "v1,phvehVWttj8T+SZY/cxvxSlnsCCTjoRt0HLOa8yWK/I=");
    }
}
