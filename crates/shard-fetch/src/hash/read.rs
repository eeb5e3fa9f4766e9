//! Reads a file block by block at given positions.

use std::fs::File;
use std::io;

/// How much of a file is read and hashed at once; a multiple of MD5's 64 bytes. All blocks but the last
/// are whole. From 16 KiB to 256 KiB speed is the same; 16 of these fit in a core's cache.
pub(super) const BLOCK_BYTES: usize = 64 << 10;

/// Fills `buffer` with the bytes of `file` from `offset` on.
pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                offset += read as u64;
                buffer = buffer.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Moves the file's cursor, which is not used otherwise.
#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
