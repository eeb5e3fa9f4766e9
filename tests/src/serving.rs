//! A small server of our own on loopback, with a thread and a runtime of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::sync::oneshot;

/// It serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Serving {
    pub(crate) fn start(name: &str, router: Router) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port")?;
        socket.set_nonblocking(true).context("make a socket non-blocking")?;
        let address = socket.local_addr().context("ask for the port")?;
        let (stop, stopped) = oneshot::channel();
        let serving = move || {
            runtime.block_on(async {
                // Nobody is answered if this fails, which a test will notice.
                let Ok(listener) = tokio::net::TcpListener::from_std(socket) else { return };
                tokio::select! {
                    _ = stopped => {}
                    _ = axum::serve(listener, router) => {}
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
            // A thread that panicked has said so, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}
