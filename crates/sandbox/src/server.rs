//! Connections: requests are read, faults happen to them, answers are sent. What is answered is the business of
//! `api.rs`.

use std::{io, sync::Arc};

use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    api,
    call::Call,
    failure::Failure,
    recorder::Recorded,
    render::{Body, injected, refusal, response},
    state::State,
};

/// As much as the real server takes.
const LARGEST_BODY: usize = 3 * 1024 * 1024;

/// Serves connections until it is dropped, and they with it.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, state.clone()));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    // Only slower without it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { answer(request, &state).await }
    });
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!("a connection broke: {error}");
    }
}

/// An error breaks the connection without an answer.
async fn answer(request: Request<Incoming>, state: &Arc<State>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = match read(body).await? {
        Ok(body) => body,
        Err(failure) => return Ok(refusal(&failure)),
    };
    let call = Call::new(&parts, body);
    let recorded = Recorded {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        accept: call.accept.clone().unwrap_or_default(),
        body: call.body.clone(),
    };
    if state.options.record {
        state.recorder.record(recorded.clone());
    }
    let plan = state.faults.plan(&recorded);
    if !plan.delay.is_zero() {
        sleep(plan.delay).await;
    }
    if plan.drop_before {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    if let Some((code, retry_after)) = plan.status {
        return Ok(injected(code, retry_after));
    }
    let answer = api::answer(state, &call, &recorded, &plan);
    tracing::debug!(method = %parts.method, uri = %parts.uri, ok = answer.is_ok(), "answered");
    if plan.drop_after {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(response(answer, &call))
}

async fn read(body: Incoming) -> io::Result<Result<Bytes, Failure>> {
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Ok(Ok(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Request entity too large: limit is {LARGEST_BODY}");
            Ok(Err(Failure::new(413, "RequestEntityTooLarge", message)))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}
