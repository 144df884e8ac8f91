//! The dashboard is served beside the API and takes nothing from it.

use axum::http::StatusCode;
use tower::ServiceExt;

use crate::fixtures::{Answer, Fixture, request};

async fn get(fixture: &Fixture, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request("GET", path, None, "", "");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    fixture.send(request).await
}

/// What a page names in an attribute such as `src`.
fn named<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(&format!("{attribute}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_page_and_its_files_are_there_for_everybody_under_a_strict_policy() {
    let fixture = Fixture::new().await;
    let page = get(&fixture, "/", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");

    let files: Vec<&str> = [named(&page.text, "src"), named(&page.text, "href")].concat();
    assert!(files.iter().any(|file| file.ends_with(".js")) && files.iter().any(|file| file.ends_with(".css")));
    for file in files {
        let answer = get(&fixture, file, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{file}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{file}");
        assert!(!answer.text.is_empty(), "{file}");
    }
}

#[tokio::test]
async fn a_browser_that_has_the_page_is_told_so_and_one_that_unpacks_gets_less() {
    let fixture = Fixture::new().await;
    let page = get(&fixture, "/", &[]).await;
    let tag = page.header("etag");
    for known in [tag.to_owned(), format!("\"other\", W/{tag}")] {
        let again = get(&fixture, "/", &[("if-none-match", &known)]).await;
        assert_eq!((again.status, again.text.len(), again.header("etag")), (StatusCode::NOT_MODIFIED, 0, tag));
    }
    let changed = get(&fixture, "/", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(changed.status, StatusCode::OK);

    let script = named(&page.text, "src")[0];
    let plain = get(&fixture, script, &[]).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let mut unpacking = request("GET", script, None, "", "");
    unpacking.headers_mut().insert("accept-encoding", "br, gzip".parse().unwrap());
    let packed = fixture.router.clone().oneshot(unpacking).await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["vary"], "accept-encoding");
    let bytes = axum::body::to_bytes(packed.into_body(), usize::MAX).await.unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() * 2 < plain.text.len());
}

#[tokio::test]
async fn what_is_no_file_of_the_dashboard_is_a_problem_as_before() {
    let fixture = Fixture::new().await;
    for (path, kind) in [
        ("/assets/nowhere.js", "not-found"),
        ("/assets/%2e%2e%2findex.html", "not-found"),
        ("/index.html", "unknown-route"),
        ("/v1/nowhere", "unknown-route"),
    ] {
        let answer = get(&fixture, path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["type"], format!("urn:restock:problem:{kind}"), "{path}");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let written = fixture.send(request("POST", "/", None, "", "")).await;
    assert_eq!((written.status, written.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET"));
}
