//! Limits the speed of TCP connections in the kernel.

use std::io;
use std::net::TcpListener;

/// Every connection that `listener` accepts sends at most this many bytes per second.
#[cfg(target_os = "linux")]
pub(super) fn limit(listener: &TcpListener, bytes_per_second: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    // The kernel's `unsigned long` may be narrower; a larger value is no limit.
    let pace = libc::c_ulong::try_from(bytes_per_second).unwrap_or(libc::c_ulong::MAX);
    let length = libc::socklen_t::try_from(size_of_val(&pace)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe crate knows SO_MAX_PACING_RATE")]
    // SAFETY: the descriptor is open, since `listener` is borrowed. The pointer is to `length`
    // initialized bytes of a local variable that outlives the call; the kernel only reads them.
    let outcome = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MAX_PACING_RATE,
            (&raw const pace).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// This system has no such option.
#[cfg(not(target_os = "linux"))]
pub(super) fn limit(_listener: &TcpListener, _bytes_per_second: u64) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux can pace connections"))
}
