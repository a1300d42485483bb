//! Answers as bytes: the form that the client accepts, in pieces where they are many. What is answered is the
//! business of `api.rs`.

mod event;
mod form;

use std::{convert::Infallible, io};

use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use self::{event::Lines, form::Renderer};
use crate::{
    accept::Form,
    api::{Answer, List, Watch},
    call::Call,
    failure::Failure,
};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A piece of a long answer.
const PIECE: usize = 256 * 1024;

/// The answer to a request.
pub(crate) fn response(answer: Result<Answer, Failure>, call: &Call) -> Response<Body> {
    let form = Form::negotiate(call.accept.as_deref());
    let answered = match (answer, form) {
        (Ok(Answer::Text { code, text }), _) => Ok(plain(code, "text/plain; charset=utf-8", text)),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
        (Ok(Answer::Value { code, value }), Ok(_)) => Ok(json_body(code, &value)),
        (Ok(Answer::Object { code, resource, object }), Ok(form)) => {
            let renderer = Renderer::new(resource, form, call.query.get("includeObject"));
            Ok(plain(code, "application/json", renderer.whole(&object)))
        }
        (Ok(Answer::List(list)), Ok(form)) => Ok(list_response(list, form, call)),
        (Ok(Answer::Watch(watch)), Ok(form)) => Ok(watch_response(*watch, form, call)),
    };
    answered.unwrap_or_else(|failure| refusal(&failure))
}

/// A failure as an answer.
pub(crate) fn refusal(failure: &Failure) -> Response<Body> {
    json_body(failure.code, &failure.status())
}

/// The answer of an injected fault.
pub(crate) fn injected(code: u16, retry_after: Option<u32>) -> Response<Body> {
    let reason = match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    };
    let mut failure = Failure::new(code, reason, "a fault was injected here");
    failure.details = retry_after.map(|seconds| json!({"retryAfterSeconds": seconds}));
    let mut response = refusal(&failure);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn json_body(code: u16, value: &Value) -> Response<Body> {
    plain(code, "application/json", value.to_string() + "\n")
}

fn plain(code: u16, content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never: Infallible| match never {});
    with_body(code, content_type, body.boxed_unsync())
}

fn with_body(code: u16, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A list is written while it is sent: it may be far larger than what is held at once.
fn list_response(list: List, form: Form, call: &Call) -> Response<Body> {
    let renderer = Renderer::new(list.resource.clone(), form, call.query.get("includeObject"));
    let mut text = renderer.list_head(&list).into_bytes();
    let mut objects = list.objects.into_iter();
    let mut is_first = true;
    let mut is_over = false;
    let pieces = std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        while text.len() < PIECE {
            let Some(object) = objects.next() else {
                text.extend_from_slice(b"]}\n");
                is_over = true;
                break;
            };
            if !std::mem::take(&mut is_first) {
                text.push(b',');
            }
            renderer.write_item(&object, &mut text);
        }
        Some(Bytes::from(std::mem::take(&mut text)))
    });
    let mut pieces = pieces.peekable();
    let is_short = pieces.peek().is_some_and(|piece| piece.len() < PIECE);
    if is_short {
        return plain(200, "application/json", pieces.next().unwrap_or_default());
    }
    let frames = stream::iter(pieces.map(|piece| Ok::<_, io::Error>(Frame::data(piece))));
    with_body(200, "application/json", StreamBody::new(frames).boxed_unsync())
}

fn watch_response(watch: Watch, form: Form, call: &Call) -> Response<Body> {
    let renderer = Renderer::new(watch.resource.clone(), form, call.query.get("includeObject"));
    let lines = Lines::new(renderer);
    let pieces = stream::unfold((watch, lines), |(mut watch, mut lines)| async {
        let news = watch.next().await?;
        let pieces = news.map(|news| lines.write(news));
        Some((pieces, (watch, lines)))
    });
    let pieces = pieces.map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok))).try_flatten();
    let frames = pieces.map(|piece: io::Result<Bytes>| piece.map(Frame::data));
    with_body(200, "application/json", StreamBody::new(frames).boxed_unsync())
}
