//! Faults: each happens to the requests it is meant for, as often as it is meant to, until it is healed.

use std::time::{Duration, Instant};

use http::Method;
use sandbox::{Effect, Fault, Match};
use serde_json::{Value, json};

use crate::api_client::{MAPS, MERGE, Server, names, refusal};

fn status(code: u16) -> Effect {
    Effect::Status { code, retry_after: None }
}

#[tokio::test]
async fn an_injected_status_happens_so_many_times() {
    let server = Server::start();
    let fault = Fault::new(Match::any().method(Method::GET).path("/configmaps"), status(503)).times(2);
    let id = server.sandbox.inject(fault);
    assert_eq!(refusal(&server.get(MAPS).await).1, "ServiceUnavailable");
    assert_eq!(server.get("/api/v1/nodes").await.0, 200, "another path");
    assert_eq!(server.post(MAPS, &json!({"metadata": {"name": "a"}})).await.0, 201, "another method");
    assert_eq!(server.get(MAPS).await.0, 503);
    assert_eq!(server.sandbox.hits(id), 2);
    assert_eq!(server.get(MAPS).await.0, 200);
}

#[tokio::test]
async fn a_fault_lasts_until_it_is_healed() {
    let server = Server::start();
    let first = server.sandbox.inject(Fault::new(Match::any().path("/configmaps"), status(500)));
    server.sandbox.inject(Fault::new(Match::any().path("/nodes"), status(403)));
    assert_eq!((server.get(MAPS).await.0, server.get("/api/v1/nodes").await.0), (500, 403));
    server.sandbox.lift(first);
    assert_eq!((server.get(MAPS).await.0, server.get("/api/v1/nodes").await.0), (200, 403));
    server.sandbox.heal();
    assert_eq!(server.get("/api/v1/nodes").await.0, 200);
}

#[tokio::test]
async fn a_predicate_sees_the_request() {
    let server = Server::start();
    let on = Match::any().when(|request| request.body.windows(3).any(|part| part == b"bad"));
    server.sandbox.inject(Fault::new(on, status(409)));
    assert_eq!(server.post(MAPS, &json!({"metadata": {"name": "bad"}})).await.0, 409);
    assert_eq!(server.post(MAPS, &json!({"metadata": {"name": "good"}})).await.0, 201);
}

#[tokio::test]
async fn a_retry_is_asked_for_in_header_and_status() {
    let server = Server::start();
    let effect = Effect::Status { code: 429, retry_after: Some(7) };
    server.sandbox.inject(Fault::new(Match::any(), effect));
    let request = http::Request::get(MAPS).body(kube::client::Body::empty()).unwrap();
    let response = server.client.send(request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["Retry-After"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(server.get(MAPS).await.1["details"]["retryAfterSeconds"], 7);
}

#[tokio::test]
async fn a_delay_delays() {
    let server = Server::start();
    server.sandbox.inject(Fault::new(Match::any(), Effect::Delay(Duration::from_millis(80))));
    let began = Instant::now();
    assert_eq!(server.get(MAPS).await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(80));
}

async fn try_create(server: &Server, name: &str) -> bool {
    let object = json!({"metadata": {"name": name}});
    server.try_send(Method::POST, MAPS, Some(&object), "application/json").await.is_ok()
}

#[tokio::test]
async fn a_connection_breaks_before_or_after_the_request_is_performed() {
    let server = Server::start();
    server.sandbox.inject(Fault::new(Match::any().method(Method::POST), Effect::DropBefore).times(1));
    assert!(!try_create(&server, "before").await);
    server.sandbox.inject(Fault::new(Match::any().method(Method::POST), Effect::DropAfter).times(1));
    assert!(!try_create(&server, "after").await);
    assert!(try_create(&server, "whole").await);
    assert_eq!(names(&server.get(MAPS).await.1), ["after", "whole"]);
}

#[tokio::test]
async fn watches_break_off_now_and_later_ones_do_not() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let mut watch = server.watch(&format!("{MAPS}?watch=1")).await;
    let mut other = server.watch("/api/v1/namespaces?watch=1").await;
    assert_eq!(watch.event().await, "ADDED a");
    server.sandbox.inject(Fault::new(Match::watches().path("/configmaps"), Effect::BreakWatches));
    assert!(watch.try_next().await.is_err(), "it does not end, it breaks");
    assert_eq!(other.event().await, "ADDED default");
    let mut later = server.watch(&format!("{MAPS}?watch=1")).await;
    assert_eq!(later.event().await, "ADDED a");
}

#[tokio::test]
async fn a_half_open_watch_delivers_nothing_until_it_is_healed() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let mut watch = server.watch(&format!("{MAPS}?watch=1")).await;
    assert_eq!(watch.event().await, "ADDED a");
    server.sandbox.inject(Fault::new(Match::watches(), Effect::HalfOpen));
    server.make("b", &json!({})).await;
    let silence = tokio::time::timeout(Duration::from_millis(150), watch.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    server.sandbox.heal();
    assert_eq!(watch.event().await, "ADDED b");
}

#[tokio::test]
async fn stale_lists_show_the_past() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let then = server.sandbox.revision().to_string();
    server.sandbox.inject(Fault::new(Match::any().path("resourceVersion=0"), Effect::Stale));
    server.make("b", &json!({})).await;
    server.delete(&format!("{MAPS}/a")).await;
    let (_, stale) = server.get(&format!("{MAPS}?resourceVersion=0")).await;
    assert_eq!((names(&stale), &stale["metadata"]["resourceVersion"]), (vec!["a"], &json!(then)));
    assert_eq!(names(&server.get(MAPS).await.1), ["b"], "a consistent read is consistent");
    server.sandbox.heal();
    assert_eq!(names(&server.get(&format!("{MAPS}?resourceVersion=0")).await.1), ["b"]);
}

#[tokio::test]
async fn truncated_lists_look_complete() {
    let server = Server::start();
    for name in ["a", "b", "c"] {
        server.make(name, &json!({})).await;
    }
    for (count, expected) in [(0, vec![]), (2, vec!["a", "b"])] {
        let id = server.sandbox.inject(Fault::new(Match::any().path("/configmaps"), Effect::Truncate(count)));
        let (code, list) = server.get(&format!("{MAPS}?limit=3")).await;
        assert_eq!((code, names(&list)), (200, expected));
        assert!(list["metadata"]["continue"].is_null());
        server.sandbox.lift(id);
    }
}

#[tokio::test]
async fn a_continue_token_can_have_expired() {
    let server = Server::start();
    for name in ["a", "b"] {
        server.make(name, &json!({})).await;
    }
    server.sandbox.inject(Fault::new(Match::any(), Effect::ExpireContinue).times(1));
    let (code, first) = server.get(&format!("{MAPS}?limit=1")).await;
    assert_eq!(code, 200, "a first chunk has no token");
    let next = first["metadata"]["continue"].as_str().unwrap();
    let path = format!("{MAPS}?limit=1&continue={next}");
    assert_eq!(refusal(&server.get(&path).await).1, "Expired");
    assert_eq!(names(&server.get(&path).await.1), ["b"]);
}

#[tokio::test]
async fn requests_are_recorded() {
    let server = Server::start();
    server.get(&format!("{MAPS}?limit=5")).await;
    server.patch(&format!("{MAPS}/a"), &json!({"data": {}}), MERGE).await;
    let requests = server.sandbox.requests();
    let seen: Vec<(String, &str)> =
        requests.iter().map(|request| (request.method.to_string(), request.path_and_query())).collect();
    let expected = [("GET", format!("{MAPS}?limit=5")), ("PATCH", format!("{MAPS}/a"))];
    assert_eq!(seen, expected.each_ref().map(|(method, path)| ((*method).to_owned(), path.as_str())));
    assert_eq!(serde_json::from_slice::<Value>(&requests[1].body).unwrap(), json!({"data": {}}));
    server.sandbox.clear_requests();
    assert!(server.sandbox.requests().is_empty());
}
