//! A private hub with a token, and a cache in the application's own folder; nothing comes from the
//! environment.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example private_hub -- https://hub.example.com token.txt models HF://team/model
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

use std::error::Error;

use facade::{Downloader, ErrorKind, Request, Token};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, token_file, home, model] = arguments.as_slice() else {
        return Err("usage: private_hub ENDPOINT TOKEN_FILE CACHE MODEL".into());
    };
    // A token cannot be formatted as text, so it cannot be printed by mistake.
    let token = Token::new(&std::fs::read_to_string(token_file)?)?;
    let downloader = Downloader::builder(home)
        .endpoint(endpoint.parse()?)
        .token(token)
        .application("private_hub/1.0")
        .build()?;
    match downloader.download(model.parse::<Request>()?).await {
        Ok(model) => println!("{}", model.path.display()),
        // The message says what to do: set a token, or request access.
        Err(error) if error.kind() == ErrorKind::Refused => return Err(format!("not for us: {error}").into()),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
