use restock_server::{Access, ENDPOINTS};
use serde_json::Value;

use crate::fixtures::{Fixture, request};

#[tokio::test]
async fn the_description_names_every_endpoint_and_nothing_else() {
    let fixture = Fixture::new().await;
    let answer = fixture.send(request("GET", "/v1/openapi.json", None, "", "")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    let mut n_operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            n_operations += 1;
            let method = method.to_uppercase();
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == path && endpoint.method == method);
            let endpoint = endpoint.unwrap_or_else(|| panic!("{method} {path} is not in the table"));
            let is_open = endpoint.access == Access::Open;
            assert_eq!(operation.get("security").is_none(), is_open, "{method} {path}");
            let may_refuse = !is_open || path == "/v1/session";
            assert_eq!(operation["responses"].get("401").is_some(), may_refuse, "{method} {path}");
            let has_none = ["/v1/orders", "/v1/plans"].contains(&path.as_str())
                || path.starts_with("/v1/webhooks/")
                || path.ends_with(":cancel")
                || path.ends_with(":apply")
                || path.ends_with(":plan");
            let has_body = ["POST", "PUT", "PATCH"].contains(&method.as_str()) && !has_none;
            assert_eq!(operation.get("requestBody").is_some(), has_body, "{method} {path}");
        }
    }
    assert_eq!(n_operations, ENDPOINTS.len());
    check_references(&document, &document);
}

/// Every `$ref` leads somewhere.
fn check_references(part: &Value, document: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            fields.values().for_each(|part| check_references(part, document));
        }
        Value::Array(parts) => parts.iter().for_each(|part| check_references(part, document)),
        _ => {}
    }
}
