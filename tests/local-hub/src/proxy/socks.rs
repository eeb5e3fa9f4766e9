//! SOCKS 4, 4a, and 5 (RFC 1928), optionally with a login (RFC 1929).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::{ProxiedRequest, ProxyState};

/// The first byte that a client sends.
pub(super) const VERSIONS: [u8; 2] = [4, 5];
const CONNECT: u8 = 1;

/// The reply to a version 5 request, apart from its status.
const GRANTED: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// Opens one tunnel; any failure ends the connection.
pub(super) async fn converse(mut client: TcpStream, shared: &ProxyState) -> io::Result<()> {
    let [version] = read(&mut client).await?;
    let (target, granted) = if version == 4 {
        (target_of_4(&mut client).await?, &[0, 90, 0, 0, 0, 0, 0, 0][..])
    } else {
        log_in(&mut client, shared).await?;
        (target_of_5(&mut client).await?, &GRANTED[..])
    };
    note(shared, version, &target, None);
    let mut server = TcpStream::connect(shared.really_at(target)).await?;
    client.write_all(granted).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn note(shared: &ProxyState, version: u8, target: &str, refused: Option<u16>) {
    shared.requests.lock().push(ProxiedRequest {
        method: format!("SOCKS{version}"),
        target: target.to_owned(),
        headers: Vec::new(),
        refused,
    });
}

async fn target_of_4(client: &mut TcpStream) -> io::Result<String> {
    let [command] = read(client).await?;
    if command != CONNECT {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let port = u16::from_be_bytes(read(client).await?);
    let address: [u8; 4] = read(client).await?;
    let _user = read_to_zero(client).await?;
    // 4a: an impossible address, and a name.
    let host = match address {
        [0, 0, 0, last] if last > 0 => read_to_zero(client).await?,
        address => Ipv4Addr::from(address).to_string(),
    };
    Ok(format!("{host}:{port}"))
}

async fn log_in(client: &mut TcpStream, shared: &ProxyState) -> io::Result<()> {
    const NONE: u8 = 0;
    const PASSWORD: u8 = 2;
    const UNACCEPTABLE: u8 = 0xff;
    let [count] = read(client).await?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods).await?;
    let wanted = if shared.wants_login { PASSWORD } else { NONE };
    if !methods.contains(&wanted) {
        note(shared, 5, "", Some(UNACCEPTABLE.into()));
        client.write_all(&[5, UNACCEPTABLE]).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    client.write_all(&[5, wanted]).await?;
    if wanted == NONE {
        return Ok(());
    }
    let [_version] = read(client).await?;
    let (user, password) = (read_counted(client).await?, read_counted(client).await?);
    let is_right = (user.as_str(), password.as_str()) == ("user", "secret");
    client.write_all(&[1, u8::from(!is_right)]).await?;
    if is_right {
        return Ok(());
    }
    note(shared, 5, "", Some(1));
    Err(io::ErrorKind::PermissionDenied.into())
}

async fn target_of_5(client: &mut TcpStream) -> io::Result<String> {
    let [_version, command, _, kind] = read(client).await?;
    let host = match (command, kind) {
        (CONNECT, 1) => Ipv4Addr::from(read::<4>(client).await?).to_string(),
        (CONNECT, 3) => read_counted(client).await?,
        (CONNECT, 4) => format!("[{}]", Ipv6Addr::from(read::<16>(client).await?)),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(format!("{host}:{}", u16::from_be_bytes(read(client).await?)))
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Text preceded by its length.
async fn read_counted(client: &mut TcpStream) -> io::Result<String> {
    let [length] = read(client).await?;
    let mut text = vec![0; length.into()];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Text followed by a zero.
async fn read_to_zero(client: &mut TcpStream) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match read(client).await? {
            [0] => return Ok(String::from_utf8_lossy(&text).into_owned()),
            [byte] => text.push(byte),
        }
    }
}
