//! The certificate authorities in the environment.

use std::io;
use std::path::{Path, PathBuf};

use cache_layout::read_plain;
use net::CaCertificates;

use super::values::{Lookup, unusable};
use super::variables::{SSL_CERT_DIR, SSL_CERT_FILE};
use crate::Error;

/// Files with certificates of authorities that are trusted instead of the system's, as OpenSSL and most
/// clients read them from [`SSL_CERT_FILE`] and [`SSL_CERT_DIR`]. They are read when a download needs
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFiles {
    /// A PEM file with any number of certificates.
    pub file: Option<PathBuf>,
    /// Folders with such files.
    pub folders: Vec<PathBuf>,
}

impl CertificateFiles {
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Self {
        let folders = lookup(SSL_CERT_DIR).unwrap_or_default();
        let folders = std::env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty());
        Self { file: lookup(SSL_CERT_FILE).map(PathBuf::from), folders: folders.collect() }
    }

    /// Reads the files, or returns the system's certificates if none are named.
    ///
    /// # Errors
    ///
    /// [`Error::Variable`] if the file or a folder cannot be read or contains no certificate.
    pub fn load(&self) -> Result<CaCertificates, Error> {
        let file = self.file.iter().map(|path| (SSL_CERT_FILE, path, read_file(path)));
        let folders = self.folders.iter().map(|path| (SSL_CERT_DIR, path, read_folder(path)));
        let texts = file
            .chain(folders)
            .map(|(name, path, text)| text.map_err(|source| unusable(name, &path.to_string_lossy(), source)));
        let texts: Vec<Vec<u8>> = texts.collect::<Result<_, Error>>()?;
        Ok(if texts.is_empty() { CaCertificates::system() } else { CaCertificates::only(texts.join(&b'\n')) })
    }
}

/// All authorities that browsers trust have some hundred kB.
const MAX_FILE: u64 = 16 << 20;

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    with_certificate(std::fs::read(path)?)
}

/// The files directly in a folder, which may also contain other files.
fn read_folder(path: &Path) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        // Removing a certificate may leave a dangling link.
        if path.is_file() {
            all.extend(read_plain(&path, MAX_FILE)?);
            all.push(b'\n');
        }
    }
    with_certificate(all)
}

/// The text, if it contains a certificate.
fn with_certificate(text: Vec<u8>) -> io::Result<Vec<u8>> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    if text.windows(BEGIN.len()).any(|window| window == BEGIN) {
        Ok(text)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it (PEM)"))
    }
}

#[cfg(test)]
mod tests;
