//! Reads a model's small JSON files, which are untrusted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use url_parse::DiskError;

use crate::plain::open_plain;
use crate::{Error, MAX_METADATA_BYTES};

/// Reads the file `name` of the model in `dir`, a manifest or a chat config; `None` if it does not
/// exist. Links are followed; anything but a plain file is an error.
///
/// # Errors
///
/// [`Error::Disk`] if it cannot be read, [`Error::MetadataTooLarge`] if it exceeds
/// [`MAX_METADATA_BYTES`].
pub fn read_metadata_file(dir: &Path, name: &str) -> Option<Result<Vec<u8>, Error>> {
    match read(&dir.join(name), name) {
        Err(Error::Disk(DiskError { source, .. })) if source.kind() == io::ErrorKind::NotFound => None,
        result => Some(result),
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let disk = |action| move |source| DiskError::new(action, path, source);
    let too_large = || Error::MetadataTooLarge { name: name.to_owned(), limit: MAX_METADATA_BYTES };
    let file = open_plain(path).map_err(disk("read"))?;
    let length = file.metadata().map_err(disk("look at"))?.len();
    if length > MAX_METADATA_BYTES {
        return Err(too_large());
    }
    // It may grow meanwhile.
    let bytes = read_at_most(&file, length, MAX_METADATA_BYTES + 1).map_err(disk("read"))?;
    if bytes.len() as u64 > MAX_METADATA_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a file that is probably `length` bytes long, but may have changed.
pub(crate) fn read_at_most(file: &File, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or_default());
    file.take(limit).read_to_end(&mut content)?;
    Ok(content)
}
