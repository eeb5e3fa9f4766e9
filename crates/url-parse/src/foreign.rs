//! Text from outside, made fit for a message: the one place that does so. No I/O.

use std::cmp::Reverse;
use std::error::Error as StdError;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use url::Url;

use crate::printable::is_invisible;

/// The longest foreign text in a message, in characters.
const MAX_CHARS: usize = 300;
/// A shorter value is not treated as secret, since a message may contain it by chance.
const MIN_SECRET_BYTES: usize = 6;
/// The most causes of a foreign error that are kept.
const MAX_CAUSES: usize = 8;

/// Parts of a request that must not appear in any message, even one that quotes another program.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The URL's query as a whole and its values, both as sent and decoded; the values of `headers`,
    /// their words, and the password of `Basic` ones.
    pub fn of<'a>(url: &Url, headers: impl IntoIterator<Item = &'a str>) -> Self {
        let query = url.query().unwrap_or_default();
        let raw = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let mut secrets: Vec<String> = std::iter::once(query).chain(raw).map(str::to_owned).collect();
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        for value in headers {
            secrets.push(value.to_owned());
            // `Bearer` and `Basic` are ordinary words in a server's text.
            secrets.extend(value.split_whitespace().filter(|word| !is_scheme(word)).map(str::to_owned));
            secrets.extend(basic_password(value));
        }
        Self::longest_first(secrets)
    }

    /// Exactly these values.
    pub fn of_values<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::longest_first(values.into_iter().map(str::to_owned).collect())
    }

    fn longest_first(mut secrets: Vec<String>) -> Self {
        secrets.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        Self(secrets)
    }

    fn taken_out_of(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret, "…"))
    }
}

/// Shows only their number.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// The password, since a server may quote it decoded.
fn basic_password(header: &str) -> Option<String> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let login = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let (_, password) = std::str::from_utf8(&login).ok()?.split_once(':')?;
    Some(password.to_owned())
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// Text from outside in the form that [`fit_for_message`] produces; there is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForeignText(Box<str>);

impl ForeignText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// This program's own text, where foreign text is missing.
impl From<&'static str> for ForeignText {
    fn from(own: &'static str) -> Self {
        Self(own.into())
    }
}

impl AsRef<str> for ForeignText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes foreign text fit for a message: one line, limited in length, without control characters and
/// characters that hide or reorder others, without the request's secrets, and without users, passwords,
/// queries and fragments (of URLs or alone). `None` if nothing is left.
pub fn fit_for_message(text: &str, secrets: &Secrets) -> Option<ForeignText> {
    let visible: String = text.chars().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect();
    let open = secrets.taken_out_of(visible);
    let words: Vec<String> = open
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(without_credentials)
        .collect();
    let line = words.join(" ");
    let cut = line.char_indices().nth(MAX_CHARS).map(|(end, _)| end);
    match cut {
        _ if line.is_empty() => None,
        None => Some(ForeignText(line.into())),
        Some(end) => Some(ForeignText(format!("{}…", line.get(..end)?).into())),
    }
}

/// A URL's query may be a signature, its fragment a token, and the text before `@` a password.
fn without_credentials(word: &str) -> String {
    let mut shown = String::new();
    let mut scheme = false;
    for part in word.split_inclusive("://") {
        if scheme && let Some((before, after)) = part.split_once(['?', '#']) {
            let mark = part.get(before.len()..before.len() + 1).unwrap_or_default();
            // Everything that follows belongs to it.
            let hidden = if after.is_empty() { "" } else { "…" };
            return shown + &without_user_info(before, true) + mark + hidden;
        }
        shown += &without_user_info(part, scheme);
        scheme = true;
    }
    shown
}

/// `part` follows `://`, or is a word without it.
fn without_user_info(part: &str, is_url: bool) -> String {
    let authority = part.split(['/', '\\']).next().unwrap_or_default();
    let of_password = part.rfind('@').filter(|end| has_password(part.get(..*end)));
    let end = of_password.or_else(|| authority.rfind('@').filter(|_| is_url));
    match end.and_then(|end| part.get(end..)) {
        Some(rest) => format!("…{rest}"),
        None => part.to_owned(),
    }
}

/// Whether the text before `@` has a colon that does not introduce a port.
fn has_password(before: Option<&str>) -> bool {
    let is_port = |after: &str| {
        after
            .split_once('/')
            .is_some_and(|(port, _)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
    };
    before.unwrap_or_default().split(':').skip(1).any(|after| !is_port(after))
}

/// An error of another library or of an embedding application; it may quote a server. It and its causes
/// are kept only as text, each made fit for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignError {
    words: ForeignText,
    source: Option<Box<Self>>,
}

impl ForeignError {
    /// The text of `error` and of its causes.
    pub fn of(error: &(dyn StdError + 'static), secrets: &Secrets) -> Self {
        Self::kept(error, secrets, MAX_CAUSES)
    }

    fn kept(error: &(dyn StdError + 'static), secrets: &Secrets, causes: usize) -> Self {
        let words = fit_for_message(&error.to_string(), secrets).unwrap_or("it does not say why".into());
        let mut source =
            error.source().filter(|_| causes > 0).map(|source| Self::kept(source, secrets, causes - 1));
        // Some libraries' messages already include those of their causes.
        while let Some(cause) = source.take_if(|cause| words.to_string().contains(&cause.words.to_string())) {
            source = cause.source.map(|source| *source);
        }
        Self { words, source: source.map(Box::new) }
    }
}

impl fmt::Display for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.fmt(f)
    }
}

impl StdError for ForeignError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests;
