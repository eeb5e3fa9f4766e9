//! The part of a model's chat config that determines which files it needs.

use serde::de::MapAccess;
use url_parse::RepoPath;

use crate::Error;
use crate::error::Place;
use crate::json::{AtMost, FromMap, Loose, Scalar, Shape, Skipped};

/// The file whose presence makes a folder an MLC model.
pub const CHAT_CONFIG_NAME: &str = "mlc-chat-config.json";

const FIELD: &str = "tokenizer_files";

/// Real models have up to ten.
const MAX_TOKENIZER_FILES: usize = 1_000;

/// The validated content of `mlc-chat-config.json`: the files that the tokenizer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatConfig {
    tokenizer_files: Vec<RepoPath>,
}

impl ChatConfig {
    /// Parses a chat config. All fields except `tokenizer_files` are ignored.
    ///
    /// # Errors
    ///
    /// The file is not a JSON object, or `tokenizer_files` is not a list of at most 1,000 paths inside
    /// the model's folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match crate::json::parse::<Shape<RawConfig, Skipped>>(CHAT_CONFIG_NAME, bytes)? {
            Shape::Object(RawConfig { tokenizer_files: None }) => Ok(Self { tokenizer_files: Vec::new() }),
            Shape::Object(RawConfig { tokenizer_files: Some(Shape::List(files)) }) => {
                let files = files.all(CHAT_CONFIG_NAME, Place::field(FIELD))?;
                let files = files.iter().enumerate().map(|(index, file)| tokenizer_file(index, file));
                Ok(Self { tokenizer_files: files.collect::<Result<_, _>>()? })
            }
            Shape::Object(RawConfig { tokenizer_files: Some(other) }) => {
                Err(invalid(Place::field(FIELD), &other.to_string(), "a list of paths"))
            }
            other @ (Shape::List(_) | Shape::Scalar(_)) => {
                Err(invalid(Place::TOP, &other.to_string(), "an object"))
            }
        }
    }

    /// The tokenizer's files, relative to the model's folder; empty if the config names none.
    pub fn tokenizer_files(&self) -> &[RepoPath] {
        &self.tokenizer_files
    }
}

#[derive(Default)]
struct RawConfig {
    tokenizer_files: Option<Shape<Skipped, AtMost<MAX_TOKENIZER_FILES, Loose>>>,
}

impl FromMap for RawConfig {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut config = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                FIELD => config.tokenizer_files = Some(map.next_value()?),
                _ => drop(map.next_value::<Loose>()?),
            }
        }
        Ok(config)
    }
}

fn tokenizer_file(index: usize, value: &Loose) -> Result<RepoPath, Error> {
    let place = Place::element(FIELD, index);
    match value {
        Shape::Scalar(Scalar::Text(text)) => text.parse::<RepoPath>().map_err(|source| Error::UnsafePath {
            name: CHAT_CONFIG_NAME.to_owned(),
            place,
            source,
        }),
        other => Err(invalid(place, &other.to_string(), "the path of a file")),
    }
}

fn invalid(place: Place, found: &str, expected: &'static str) -> Error {
    Error::InvalidField { name: CHAT_CONFIG_NAME.to_owned(), place, found: found.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Result<&[&str], &str>) {
        let files = ChatConfig::parse(json.as_bytes()).map_err(|error| match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        });
        let files = files.map(|config| config.tokenizer_files.iter().map(RepoPath::to_string).collect());
        assert_eq!(
            files,
            expected
                .map(|files| files.iter().map(ToString::to_string).collect::<Vec<_>>())
                .map_err(str::to_owned)
        );
    }

    #[test]
    fn the_tokenizer_files_are_listed() {
        check("{}", Ok(&[]));
        check(r#"{"tokenizer_files": []}"#, Ok(&[]));
        check(
            r#"{"vocab_size": 1, "tokenizer_files": ["tokenizer.json", "sub/vocab.json"], "x": {"y": [1]}}"#,
            Ok(&["tokenizer.json", "sub/vocab.json"]),
        );
    }

    #[test]
    fn python_json_is_accepted() {
        check("\u{feff}{\"temperature\": NaN, \"x\": \"\\ud800\", \"tokenizer_files\": [\"a\"]}", Ok(&["a"]));
        check(
            r#"{"tokenizer_files": [Infinity]}"#,
            Err("mlc-chat-config.json: tokenizer_files[0] is Infinity, expected the path of a file"),
        );
    }

    #[test]
    fn refusals_name_the_field() {
        check("[]", Err("mlc-chat-config.json is a list, expected an object"));
        check("7", Err("mlc-chat-config.json is 7, expected an object"));
        check(
            r#"{"tokenizer_files": "tokenizer.json"}"#,
            Err(r#"mlc-chat-config.json: tokenizer_files is "tokenizer.json", expected a list of paths"#),
        );
        check(
            r#"{"tokenizer_files": ["a", 5]}"#,
            Err("mlc-chat-config.json: tokenizer_files[1] is 5, expected the path of a file"),
        );
        check(
            r#"{"tokenizer_files": ["../a"]}"#,
            Err("mlc-chat-config.json: tokenizer_files[0] must not be used as a path: \
                 `../a` is not a path inside a repository: it has a component `.` or `..`"),
        );
        check(
            "{",
            Err(
                "mlc-chat-config.json is not valid JSON near `{`: EOF while parsing an object at line 1 column 1",
            ),
        );
    }

    #[test]
    fn the_config_of_a_real_model() {
        let json = include_bytes!("../../../tests/data/manifests/ReaderLM-v2.mlc-chat-config.json");
        let config = ChatConfig::parse(json).unwrap();
        let files: Vec<_> = config.tokenizer_files().iter().map(RepoPath::as_str).collect();
        assert_eq!(
            files,
            ["tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"]
        );
    }
}
