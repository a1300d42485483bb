//! Which question has which answer. Sockets are not this file's business.

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::body::Bytes;
use prometheus_client::{encoding::text::encode, registry::Registry};

use super::Inspect;

/// An answer, complete.
type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers a request.
pub(super) fn answer(method: &Method, path: &str, program: &dyn Inspect, metrics: &Registry) -> Answer {
    if method != Method::GET {
        return not_allowed();
    }
    match path {
        "/live" => verdict(program.stalled().into_iter().collect()),
        "/ready" => verdict(program.ready()),
        "/metrics" => exposition(metrics),
        "/debug/state.json" => reply(StatusCode::OK, JSON, format!("{:#}\n", program.state())),
        _ => not_found(),
    }
}

fn verdict(reasons: Vec<String>) -> Answer {
    if reasons.is_empty() {
        return reply(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    // A reason of several lines would look like several reasons.
    let lines = reasons.into_iter().map(|reason| reason.replace('\n', " ") + "\n");
    reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines.collect())
}

fn exposition(metrics: &Registry) -> Answer {
    let mut text = String::new();
    match encode(&mut text, metrics) {
        Ok(()) => reply(StatusCode::OK, OPEN_METRICS, text),
        Err(error) => {
            let problem = format!("cannot write the metrics: {error}\n");
            reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, problem)
        }
    }
}

fn not_found() -> Answer {
    let paths = "there are /live, /ready, /metrics and /debug/state.json\n";
    reply(StatusCode::NOT_FOUND, TEXT, paths.to_owned())
}

fn not_allowed() -> Answer {
    let mut answer = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered\n".to_owned());
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    answer
}

fn reply(status: StatusCode, content: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    answer
}
