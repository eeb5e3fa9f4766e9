//! SOCKS 5 (RFC 1928), without a login.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::{ProxiedRequest, Shared};
use crate::sync::locked;

/// The first byte that a client sends.
pub(super) const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;

/// Opens one tunnel; whatever goes wrong ends the connection.
pub(super) async fn converse(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let [_, methods] = read(&mut client).await?;
    client.read_exact(&mut vec![0; methods.into()]).await?;
    client.write_all(&[VERSION, NO_LOGIN]).await?;
    let [_, command, _, kind] = read(&mut client).await?;
    let host = match (command, kind) {
        (CONNECT, IPV4) => Ipv4Addr::from(read::<4>(&mut client).await?).to_string(),
        (CONNECT, NAME) => {
            let [length] = read(&mut client).await?;
            let mut name = vec![0; length.into()];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let target = format!("{host}:{}", u16::from_be_bytes(read(&mut client).await?));
    let request = ProxiedRequest {
        method: "SOCKS".to_owned(),
        target: target.clone(),
        headers: Vec::new(),
        refused: None,
    };
    locked(&shared.requests).push(request);
    let mut server = TcpStream::connect(shared.really_at(target)).await?;
    client.write_all(&[VERSION, 0, 0, IPV4, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
