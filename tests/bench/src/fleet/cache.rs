//! An HTTP cache in front of the store: Debian's nginx.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::network::Namespace;
use crate::hub::Traffic;
use crate::workplace::{emptied, pause};

const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_secs(20);

/// A cache that is empty at first, until it is dropped.
pub(super) struct HttpCache {
    process: Child,
    log: PathBuf,
    address: Ipv4Addr,
}

impl HttpCache {
    /// Starts it; it fetches from `store` whatever it lacks.
    pub(super) fn start(place: &Namespace, folder: &Path, address: Ipv4Addr, store: &str) -> Result<Self> {
        let folder = emptied(folder.join("cache"))?;
        let (file, log) = (folder.join("nginx.conf"), folder.join("access.log"));
        fs::write(&file, configuration(&folder, address, store)).context("writing nginx's configuration")?;
        let mut command = place.command("nginx");
        command.args(["-e", "stderr"]).arg("-p").arg(&folder).arg("-c").arg(&file);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut cache = Self { process: process.context("starting nginx")?, log, address };
        cache.wait()?;
        Ok(cache)
    }

    pub(super) fn is_installed() -> bool {
        let version = Command::new("nginx").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect((self.address, PORT)).is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("nginx ended with {status}");
            }
            ensure!(began.elapsed() < PATIENCE, "nginx does not answer");
            pause(Duration::from_millis(50))?;
        }
        Ok(())
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}:{PORT}", self.address)
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The requests it received and the bytes it sent.
    pub(super) fn count(&self) -> Result<Traffic> {
        let log = fs::read_to_string(&self.log).context("reading nginx's log")?;
        let bytes = log.lines().filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
        Ok(bytes.fold(Traffic::default(), |sum, bytes| Traffic {
            requests: sum.requests + 1,
            bytes: sum.bytes + bytes,
        }))
    }
}

impl Drop for HttpCache {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A single process, which can be killed. Simultaneous requests for the same file become one request to the
/// store.
fn configuration(folder: &Path, address: Ipv4Addr, store: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
  log_format short '$status $body_bytes_sent';
  access_log {folder}/access.log short;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  proxy_cache_path {folder}/files keys_zone=models:10m inactive=1d use_temp_path=off;
  server {{
    listen {address}:{PORT} backlog=4096;
    location / {{
      slice 4m;
      proxy_cache models;
      proxy_cache_key $uri$slice_range;
      proxy_cache_valid 200 206 365d;
      proxy_cache_lock on; proxy_cache_lock_age 1h; proxy_cache_lock_timeout 1h;
      proxy_cache_bypass $http_cache_control;
      proxy_set_header Range $slice_range;
      proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_pass {store};
    }}
  }}
}}
"
    )
}
