//! An HTTP/1.1 client that hides nothing.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A response, as far as it arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Why the body ended early.
    pub(crate) cut: Option<io::ErrorKind>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[track_caller]
pub(crate) fn get(url: &str) -> Answer {
    request("GET", url, &[]).unwrap()
}

#[track_caller]
pub(crate) fn get_range(url: &str, range: &str) -> Answer {
    request("GET", url, &[("Range", range)]).unwrap()
}

#[track_caller]
pub(crate) fn head(url: &str) -> Answer {
    request("HEAD", url, &[]).unwrap()
}

/// Sends a request on a new connection. An error means that no head arrived.
pub(crate) fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    let mut connection = send(method, url, headers)?;
    receive(&mut connection, method)
}

/// POSTs a body.
pub(crate) fn post(url: &str, body: &str) -> Answer {
    let length = body.len().to_string();
    let mut connection = send("POST", url, &[("Content-Length", &length)]).unwrap();
    connection.get_mut().write_all(body.as_bytes()).unwrap();
    receive(&mut connection, "POST").unwrap()
}

/// The connection after the request was written.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)]) -> io::Result<BufReader<TcpStream>> {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host)?;
    // No test should reach this; it makes a hanging test fail.
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut text = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    connection.write_all(text.as_bytes())?;
    Ok(BufReader::new(connection))
}

pub(crate) fn receive(connection: &mut BufReader<TcpStream>, method: &str) -> io::Result<Answer> {
    let mut answer = receive_head(connection)?;
    if method == "HEAD" {
        return Ok(answer);
    }
    let length = answer.header("content-length").map(|length| length.parse().unwrap());
    let received = match length {
        Some(length) => receive_exactly(connection, length, &mut answer.body),
        None => receive_chunks(connection, &mut answer.body),
    };
    answer.cut = received.err().map(|error| error.kind());
    Ok(answer)
}

pub(crate) fn receive_head(connection: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let status_line = line(connection)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let mut headers = Vec::new();
    loop {
        let line = line(connection)?;
        if line.is_empty() {
            return Ok(Answer { status, headers, body: Vec::new(), cut: None });
        }
        let (name, value) = line.split_once(": ").unwrap();
        headers.push((name.to_owned(), value.to_owned()));
    }
}

fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn receive_exactly(connection: &mut BufReader<TcpStream>, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let received = connection.take(length).read_to_end(body)? as u64;
    if received == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn receive_chunks(connection: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let length = line(connection)?;
        let length = u64::from_str_radix(&length, 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        receive_exactly(connection, length, body)?;
        line(connection)?;
        if length == 0 {
            return Ok(());
        }
    }
}
