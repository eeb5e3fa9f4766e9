//! A small server on loopback, with its own thread and runtime.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Serving {
    pub(crate) fn start(name: &str, router: Router) -> Result<Self> {
        Self::run(name, |listener| async { drop(axum::serve(listener, router).await) })
    }

    /// Runs the server that `serve` creates from the socket.
    pub(crate) fn run<F: Future<Output = ()>>(
        name: &str,
        serve: impl FnOnce(TcpListener) -> F + Send + 'static,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port")?;
        socket.set_nonblocking(true).context("make a socket non-blocking")?;
        let address = socket.local_addr().context("ask for the port")?;
        let (stop, stopped) = oneshot::channel();
        let serving = move || {
            runtime.block_on(async {
                // If this fails nothing is answered, which a test will notice.
                let Ok(listener) = TcpListener::from_std(socket) else { return };
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener) => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(5));
        };
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(serving).context("start a thread")?;
        Ok(Self { address, running: Some((stop, thread)) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A thread that panicked has reported it, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}
