//! The one HTTP client, which follows redirects itself.

use std::fmt;
use std::sync::Arc;

use reqwest::header::{self, HeaderValue};

use crate::answer::Answer;
use crate::error::Error;
use crate::pools::Pools;
use crate::reach::Reach;
use crate::redirect::{MAX_REDIRECTS, Redirects, is_redirect, target};
use crate::request::{Request, Watch};
use crate::settings::NetSettings;
use crate::shown::{RedactedUrl, SafeUrl};
use crate::step::{Step, origin_of};
use crate::upload::Upload;

/// The HTTP client under everything that talks to servers.
///
/// ```
/// use net::{Client, Hop, NetSettings, Request};
///
/// # let server = local_hub::LocalHub::start();
/// # server.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
/// # let file = format!("{}/mlc-ai/tiny-q4f16_1-MLC/resolve/main/README.md", server.endpoint());
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let client = Client::new(NetSettings::default())?;
/// let request = Request::get(file.parse()?, "read", Hop::Hub);
/// let answer = client.send(request, &()).await?;
/// assert!(answer.status().is_success());
/// let text = answer.read(1 << 20).await?.ok_or("more than 1 MiB")?;
/// assert!(!text.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cloning is cheap and shares the connections. They belong to the tokio runtime in which they were opened: make
/// a client for each runtime.
#[derive(Clone)]
pub struct Client(Arc<Pools>);

impl Client {
    /// Sets up a client; nothing is sent yet. Blocks: the system's certificates are files.
    ///
    /// HTTP/1.1 only: each file uses a connection of its own instead of sharing one as a stream.
    ///
    /// # Errors
    /// [`Error::UnusableProxy`], [`Error::UnusableCertificates`] and [`Error::ClientSetup`].
    pub fn new(settings: NetSettings) -> Result<Self, Error> {
        Ok(Self(Arc::new(Pools::new(settings)?)))
    }

    /// The settings it was created with.
    pub fn settings(&self) -> &NetSettings {
        &self.0.settings
    }

    /// Sends a request and follows its redirects. If a kept connection turns out to be closed before a
    /// response begins, the request is sent again at once over a new one. Waits at the gate of each
    /// origin and records in it the limits that responses report. Returns a response of any status,
    /// except a redirect that is followed.
    ///
    /// # Errors
    /// [`Error::UnusableUrl`], [`Error::BadRedirect`], [`Error::TooManyRedirects`], [`Error::Proxy`],
    /// [`Error::ProxyLogin`], [`Error::UntrustedCertificate`], [`Error::Encoded`], [`Error::Transport`] and
    /// [`Error::Stalled`].
    ///
    /// # Cancellation
    /// Dropping the future drops the request and its connection.
    pub async fn send(&self, request: Request, watch: &dyn Watch) -> Result<Answer, Error> {
        let mut step = Step::first(&self.0, &request)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = step.send(watch).await?;
            if request.redirects == Redirects::Nowhere || !is_redirect(response.status().as_u16()) {
                return step.answer(response, None);
            }
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            let to = target(&step.url, location, &step.secrets())?;
            let origin = origin_of(&request, &to)?;
            if request.redirects == Redirects::NoNearer {
                step.limit = step.limit.min(step.reach(&response));
            }
            if Reach::of_host(&to) > step.limit {
                return Err(step.refused_redirect(&to));
            }
            if origin != step.origin && request.redirects == Redirects::WithinOrigin {
                return step.answer(response, Some(to));
            }
            tracing::debug!(from = %RedactedUrl(&step.url), to = %RedactedUrl(&to), "following a redirect");
            step.has_own_headers &= origin == step.origin;
            (step.url, step.origin) = (to, origin);
        }
        Err(Error::TooManyRedirects { url: SafeUrl::of(&request.url), limit: MAX_REDIRECTS })
    }

    /// Sends one request with a large body over a new connection. Redirects are not followed, since the
    /// body cannot be read twice. The request's own [`body`](Request::body) is ignored. Gives up when
    /// the server accepts no data, or does not answer after the last byte, for the
    /// [`upload_timeout`](NetSettings::upload_timeout).
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Error::Transport`] also when the body ends too early.
    ///
    /// # Cancellation
    ///
    /// Dropping the future aborts the request.
    pub async fn upload(&self, request: Request, body: Upload, watch: &dyn Watch) -> Result<Answer, Error> {
        let step = Step::first(&self.0, &request)?;
        let response = step.upload(body, watch).await?;
        step.answer(response, None)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::error::Hop;
    use crate::reach::TOO_NEAR;
    use crate::settings::CaCertificates;

    fn refused(change: impl FnOnce(&mut NetSettings)) -> Error {
        let mut settings = NetSettings::default();
        change(&mut settings);
        Client::new(settings).unwrap_err()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused() {
        // Longer than the HTTP library allows for its own URLs; it would then bypass the proxy.
        let proxy = format!("http://s3cret{}@proxy", "x".repeat(1 << 16));
        let error = refused(|settings| settings.proxy.all = Some(proxy.parse().unwrap()));
        assert!(matches!(error, Error::UnusableProxy { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
        let error = refused(|settings| settings.user_agent = "line\nfeed".to_owned());
        assert!(matches!(error, Error::ClientSetup { .. }), "{error:?}");
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = refused(|settings| settings.ca_certificates = CaCertificates::only(pem));
            assert!(matches!(error, Error::UnusableCertificates { .. }), "{pem}: {error:?}");
        }
    }

    /// Answers one request on each connection, then closes it without an answer when the second
    /// arrives. Connections from number `dead_from` on are closed at their first request. Counts its
    /// connections.
    async fn closing_server(dead_from: usize) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _read = connection.read(&mut head).await;
                    if number < dead_from {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        connection.write_all(answer).await.unwrap();
                        let _read = connection.read(&mut head).await;
                    }
                });
            }
        });
        (url, opened)
    }

    async fn ask(client: &Client, url: &Url) -> Result<Bytes, Error> {
        let answer = client.send(Request::get(url.clone(), "read", Hop::DataHost), &()).await?;
        Ok(answer.read(10).await?.unwrap())
    }

    #[tokio::test]
    async fn addresses_that_are_too_near_are_not_reached() {
        let (url, opened) = closing_server(1).await;
        let client = Client::new(NetSettings::default()).unwrap();
        let ask = async |url: &str, reach| {
            let request = Request::get(url.parse().unwrap(), "read", Hop::DataHost);
            client.send(Request { reach, ..request }, &()).await
        };
        for reach in [Reach::Public, Reach::Private, Reach::Link] {
            let error = ask(url.as_str(), reach).await.unwrap_err();
            assert!(matches!(error, Error::UnusableUrl { problem: TOO_NEAR, .. }), "{error:?}");
        }
        // A name is only checked when it is resolved.
        let named = url.as_str().replace("127.0.0.1", "localhost");
        let request = Request::get(named.parse().unwrap(), "read", Hop::DataHost);
        let mut step = Step::first(&client.0, &request).unwrap();
        step.limit = Reach::Public;
        let error = step.send(&()).await.unwrap_err();
        assert!(matches!(error, Error::UnusableUrl { problem: TOO_NEAR, .. }), "{error:?}");
        assert_eq!(opened.load(Ordering::SeqCst), 0, "no connection was opened");

        let answer = ask(url.as_str(), Reach::Loopback).await.unwrap();
        assert_eq!(answer.reach(), Reach::Loopback);
    }

    #[tokio::test]
    async fn a_kept_connection_that_is_closed_when_it_is_used_is_no_failure() {
        let client = Client::new(NetSettings::default()).unwrap();
        let (url, opened) = closing_server(usize::MAX).await;
        for _ in 0..4 {
            assert_eq!(ask(&client, &url).await.unwrap(), "ok");
        }
        assert!(opened.load(Ordering::SeqCst) <= 4);
    }

    #[tokio::test]
    async fn a_new_connection_that_is_closed_is_a_failure() {
        let client = Client::new(NetSettings::default()).unwrap();
        let (url, opened) = closing_server(0).await;
        assert!(matches!(ask(&client, &url).await, Err(Error::Transport { .. })));
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        let (url, opened) = closing_server(1).await;
        ask(&client, &url).await.unwrap();
        assert!(matches!(ask(&client, &url).await, Err(Error::Transport { .. })));
        assert_eq!(opened.load(Ordering::SeqCst), 2);
    }
}
