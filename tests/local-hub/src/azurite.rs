//! Azurite, a stand-in for Azure Blob Storage, if the [servers by other authors](crate::OtherServer)
//! are installed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::OtherServer;

/// The account that every Azurite has, and its key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Signatures made with that key, which permit everything, only reading blobs, or reading, creating and
/// writing them.
const ALL: &str = "sv=2019-12-12&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&sig=YKAtmJudHaH98kax9IHOYkiCF9veHhGg4TBHNwluLXo%3D";
const READ: &str = "sv=2019-12-12&ss=b&srt=o&sp=r&se=2099-01-01T00%3A00%3A00Z&sig=3K7XRcjMkiXOu4XQbY9m1Aj4IH76uu0JLc7J99JOhpw%3D";
const WRITE: &str = "sv=2019-12-12&ss=b&srt=o&sp=rcw&se=2099-01-01T00%3A00%3A00Z&sig=Zq9y5zgqlkRCqHM6r9VN5Ju2YqklTJLRr8j0YwTRvXM%3D";

/// [Azurite](https://www.npmjs.com/package/azurite) on loopback with the container `models`, until it
/// is dropped.
#[derive(Debug)]
pub struct LocalAzure {
    server: OtherServer,
}

/// The credentials for [`LocalAzure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzureAccess {
    /// With the account's key.
    Key,
    /// A shared access signature that permits reading.
    Read,
    /// One that permits reading, creating and writing.
    Write,
}

impl LocalAzure {
    /// Starts a server that keeps everything in memory; `None` if it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    #[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
    pub fn start(folder: &Path) -> Option<Self> {
        let program = OtherServer::installed()?.join("node_modules/.bin/azurite-blob");
        if !program.exists() {
            println!("skipped: there is no npm to install Azurite with");
            return None;
        }
        let mut azurite = Command::new(program);
        azurite.args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--disableTelemetry", "--silent"]);
        azurite.args(["--inMemoryPersistence", "--skipApiVersionCheck"]);
        #[expect(clippy::disallowed_methods, reason = "node may be anywhere")]
        azurite.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let server = Self { server: OtherServer::started("Azurite", azurite, folder) };
        match server.create_container() {
            Ok(()) => Some(server),
            Err(error) => panic!("Azurite: {error:#}"),
        }
    }

    fn create_container(&self) -> Result<()> {
        let host = self.server.endpoint().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).context("reach it")?;
        let target = format!("/{ACCOUNT}/models?restype=container&{ALL}");
        write!(
            stream,
            "PUT {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        Ok(())
    }

    /// The variables with its address and these credentials.
    pub fn variables(&self, access: AzureAccess) -> Vec<(String, String)> {
        let endpoint = format!("{}/{ACCOUNT}", self.server.endpoint());
        let (name, secret) = match access {
            AzureAccess::Key => ("AZURE_STORAGE_ACCOUNT_KEY", KEY),
            AzureAccess::Read => ("AZURE_STORAGE_SAS_TOKEN", READ),
            AzureAccess::Write => ("AZURE_STORAGE_SAS_TOKEN", WRITE),
        };
        [
            ("AZURE_STORAGE_ENDPOINT", endpoint.as_str()),
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
            (name, secret),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}
