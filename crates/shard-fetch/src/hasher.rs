//! The digests of a stream of bytes.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::{Digests, Expected, Md5Digest, Sha256Digest};

/// Computes the digests that an [`Expected`] has, in one pass over the data.
#[derive(Clone)]
pub struct StreamHasher {
    size: u64,
    md5: Option<Md5>,
    sha256: Option<Sha256>,
}

impl StreamHasher {
    /// A hasher for the digests that `expected` has.
    pub fn for_expected(expected: &Expected) -> Self {
        Self {
            size: 0,
            md5: expected.md5.map(|_| Md5::new()),
            sha256: expected.sha256.map(|_| Sha256::new()),
        }
    }

    /// A hasher for every digest.
    pub fn for_all() -> Self {
        Self { size: 0, md5: Some(Md5::new()), sha256: Some(Sha256::new()) }
    }

    /// Adds the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// The number of bytes added.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The digests of all bytes added.
    pub fn finish(self) -> Digests {
        Digests {
            size: self.size,
            md5: self.md5.map(|md5| Md5Digest::from_bytes(md5.finalize().into())),
            sha256: self.sha256.map(|sha256| Sha256Digest::from_bytes(sha256.finalize().into())),
        }
    }
}

impl std::fmt::Debug for StreamHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamHasher")
            .field("size", &self.size)
            .field("md5", &self.md5.is_some())
            .field("sha256", &self.sha256.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ABC_MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const ABC_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn both() -> Expected {
        Expected { size: 3, md5: Some(ABC_MD5.parse().unwrap()), sha256: Some(ABC_SHA256.parse().unwrap()) }
    }

    fn digests(expected: &Expected, bytes: &[u8]) -> Digests {
        let mut hasher = StreamHasher::for_expected(expected);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn digests_of_known_data_are_right() {
        let Expected { size, md5, sha256 } = both();
        assert_eq!(digests(&both(), b"abc"), Digests { size, md5, sha256 });
    }

    #[test]
    fn only_the_requested_digests_are_computed() {
        let none = Expected { md5: None, sha256: None, ..both() };
        assert_eq!(digests(&none, b"abc"), Digests { size: 3, md5: None, sha256: None });
        let md5 = Expected { sha256: None, ..both() };
        assert_eq!(digests(&md5, b"abc"), Digests { size: 3, md5: md5.md5, sha256: None });
    }

    proptest! {
        #[test]
        fn digests_do_not_depend_on_how_the_data_is_split(pieces: Vec<Vec<u8>>) {
            let mut hasher = StreamHasher::for_expected(&both());
            for piece in &pieces {
                hasher.update(piece);
            }
            prop_assert_eq!(hasher.finish(), digests(&both(), &pieces.concat()));
        }
    }
}
