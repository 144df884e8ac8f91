//! `Idempotency-Key`: what a request calls itself. The same request again under its key does nothing more; another request
//! under the same key is a mistake of its sender and is refused, as the draft of the IETF about this header says.
//!
//! Orders keep key and hash in the ledger, for ever. Of other requests the last [`MAX_REMEMBERED_KEYS`] are remembered
//! while the server runs: events are known by keys of their own, so that a forgotten key counts nothing twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use restock_ledger::RequestKey;

use crate::authentication::Caller;
use crate::limits::{MAX_KEY_BYTES, MAX_REMEMBERED_KEYS};
use crate::problem::Problem;

/// The name of the header.
const HEADER: &str = "idempotency-key";

/// What the request calls itself, with the hash of its body; `None` where it has no key. Keys of two clients do not meet.
pub(crate) fn key_of(headers: &HeaderMap, caller: &Caller, body: &[u8]) -> Result<Option<RequestKey>, Problem> {
    let Some(key) = headers.get(HEADER) else { return Ok(None) };
    let text = key.to_str().unwrap_or_default().trim();
    if !(1..=MAX_KEY_BYTES).contains(&text.len()) {
        let expected = format!("1 to {MAX_KEY_BYTES} bytes of ASCII");
        return Err(Problem::bad_query(HEADER, format!("{} bytes", key.len()), expected));
    }
    let key = format!("{}/{text}", caller.budget_key());
    Ok(Some(RequestKey { key, body_hash: blake3::hash(body).to_hex().to_string() }))
}

/// Refuses a request whose key came with another body, which is known by its hash.
pub(crate) fn check(request: &RequestKey, first_hash: Option<&str>) -> Result<(), Problem> {
    if first_hash.is_none_or(|first| first == request.body_hash) {
        return Ok(());
    }
    let detail = "the Idempotency-Key belongs to an earlier request with another body; nothing was done";
    let title = "The key belongs to another request";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", title, detail)
        .field(HEADER, "the key of a request with another body", "a key that was not used")
        .fix("give every new request a new key; only the same request, sent again, keeps its key"))
}

/// Keys of requests that were done, with the hashes of their bodies.
#[derive(Default)]
pub(crate) struct Keys(Mutex<Known>);

#[derive(Default)]
struct Known {
    hashes: HashMap<Arc<str>, String>,
    /// The oldest first.
    in_order: VecDeque<Arc<str>>,
}

impl Keys {
    /// Refuses a request whose key came with another body on the same route.
    pub(crate) fn check(&self, route: &str, request: &RequestKey) -> Result<(), Problem> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        check(request, known.hashes.get(name(route, request).as_str()).map(String::as_str))
    }

    /// Remembers a request that was done.
    pub(crate) fn remember(&self, route: &str, request: &RequestKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name(route, request).into();
        if known.hashes.insert(name.clone(), request.body_hash.clone()).is_none() {
            known.in_order.push_back(name);
        }
        if known.in_order.len() > MAX_REMEMBERED_KEYS
            && let Some(oldest) = known.in_order.pop_front()
        {
            known.hashes.remove(&oldest);
        }
    }
}

fn name(route: &str, request: &RequestKey) -> String {
    format!("{route} {}", request.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_keys_are_forgotten() {
        let request =
            |number: usize, body: &str| RequestKey { key: format!("token/till/{number}"), body_hash: body.to_owned() };
        let keys = Keys::default();
        for number in 0..MAX_REMEMBERED_KEYS + 1 {
            keys.remember("events", &request(number, "a"));
            keys.remember("events", &request(number, "a"));
        }
        assert!(keys.check("events", &request(0, "b")).is_ok());
        assert!(keys.check("events", &request(1, "b")).is_err());
        assert!(keys.check("orders", &request(1, "b")).is_ok());
        assert_eq!(keys.0.lock().unwrap().hashes.len(), MAX_REMEMBERED_KEYS);
    }
}
