use restock_server::{NewToken, PREFIX, Role, TokenError, Tokens};

use crate::fixtures::{now, token};

#[test]
fn a_token_is_kept_as_a_hash_and_found_by_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/tokens.json");
    let tokens = Tokens::at(&path);
    assert!(tokens.list().unwrap().is_empty());
    let secret = tokens.create(token("ada", Role::Planner), now()).unwrap();
    assert_eq!((&secret[..PREFIX.len()], secret.len()), (PREFIX, PREFIX.len() + 64));
    let other = tokens.create(token("bob", Role::Viewer), now()).unwrap();
    assert_ne!(secret, other);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&secret[PREFIX.len()..]), "{text}");

    let seen = Tokens::at(&path);
    let found = seen.find(&secret).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.role), ("ada", Role::Planner));
    assert_eq!(seen.find(&secret[1..]).unwrap(), None);
    assert!(matches!(tokens.create(token("ada", Role::Admin), now()), Err(TokenError::NameTaken { .. })));
    tokens.revoke("ada").unwrap();
    assert_eq!(seen.find(&secret).unwrap(), None, "another reader of the file sees it");
    assert!(matches!(tokens.revoke("ada"), Err(TokenError::NoSuchToken { .. })));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    tokens.create(token("ada", Role::Planner), now()).unwrap();
    assert_eq!(std::fs::metadata(tokens.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn bad_tokens_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    for name in ["", " ada", "a\nb", &"a".repeat(101)] {
        assert!(matches!(tokens.create(token(name, Role::Viewer), now()), Err(TokenError::BadName { .. })), "{name:?}");
    }
    for name in ["restock", "restock-desk", "Restock-Rule", "command line"] {
        let refused = tokens.create(token(name, Role::Viewer), now());
        assert!(matches!(refused, Err(TokenError::ReservedName { .. })), "{name:?}");
    }
    let nowhere = NewToken { locations: Some(Vec::new()), ..token("ada", Role::Viewer) };
    assert!(matches!(tokens.create(nowhere, now()), Err(TokenError::NoLocations)));
    std::fs::write(tokens.path(), "{}").unwrap();
    assert!(matches!(tokens.list(), Err(TokenError::File { .. })), "a damaged file lets nobody in");
    assert!(matches!(tokens.create(token("ada", Role::Viewer), now()), Err(TokenError::File { .. })));
}
