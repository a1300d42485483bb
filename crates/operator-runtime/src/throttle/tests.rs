//! Requests that share a pace, while time stands still or flies.

use serde_json::json;
use tokio::time::Instant as Now;

use super::*;

fn refusal(code: u16, seconds: u32) -> Error {
    let status = json!({"status": "Failure", "code": code, "details": {"retryAfterSeconds": seconds}});
    Error::Api(serde_json::from_value(status).unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_refusal_holds_back_everybody() {
    let throttle = Throttle::default();
    let start = Now::now();
    throttle.run(async { Err::<(), _>(refusal(429, 5)) }).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let others: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let throttle = throttle.clone();
                async move { throttle.ready().await }
            })
        })
        .collect();
    for other in others {
        other.await.unwrap();
    }
    // The timer of the runtime counts in milliseconds.
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_put_off_is_waited_for_to_its_end() {
    let throttle = Throttle::default();
    let start = Now::now();
    throttle.pause_until((start + Duration::from_secs(2)).into_std());
    let waiting = tokio::spawn({
        let throttle = throttle.clone();
        async move { throttle.ready().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    throttle.pause_until((start + Duration::from_secs(4)).into_std());
    throttle.pause_until((start + Duration::from_secs(3)).into_std());
    waiting.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_works_is_not_waited_for() {
    let throttle = Throttle::default();
    let start = Now::now();
    for _ in 0..1000 {
        throttle.run(async { Ok(()) }).await.unwrap();
        throttle.run(async { Err::<(), _>(refusal(409, 60)) }).await.unwrap_err();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn only_a_busy_server_is_left_alone() {
    let wish = |seconds| Answer::Refused(Some(Duration::from_secs(seconds)));
    assert_eq!(meaning(Some(&refusal(429, 1))), wish(1));
    assert_eq!(meaning(Some(&refusal(503, 2))), wish(2));
    assert_eq!(meaning(Some(&refusal(503, 0))), Answer::Refused(None));
    for code in [400, 403, 404, 409, 422, 500, 504] {
        assert_eq!(meaning(Some(&refusal(code, 1))), Answer::Heard, "{code}");
    }
    assert_eq!(meaning(Some(&Error::Service("broken".into()))), Answer::None);
    assert_eq!(meaning(None), Answer::Heard);
}
