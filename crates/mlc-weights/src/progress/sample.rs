//! Events to test with: only the library makes them.

use std::sync::Arc;
use std::time::Duration;

use facade::{Downloader, Event, Request, RetryPolicy, Token};
use parking_lot::Mutex;

/// What `look` sees of a download whose token would go unencrypted to a hub that has no address: a warning, a step, a
/// retry, and the step again.
pub(super) fn seen<T: Send + 'static>(look: impl Fn(&Event<'_>) -> T + Send + Sync + 'static) -> Vec<T> {
    let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let downloader = Downloader::builder(home.path())
        .endpoint("http://hub.invalid".parse().unwrap())
        .token(Token::new("hf_0123456789").unwrap())
        .retry(RetryPolicy::default().attempts(2).first_pause(Duration::ZERO))
        .build()
        .unwrap();
    let all = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&all);
    let request = Request::try_from("HF://user/repo").unwrap();
    let request = request.on_event(move |event| seen.lock().push(look(event)));
    facade::blocking::download(&downloader, request).unwrap_err();
    std::mem::take(&mut *all.lock())
}
