//! The schemas in docs/schemas: every document that a test reads must match its schema, with no additional
//! members.

use std::path::{Path, PathBuf};

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Panics if one of these documents does not match the schema of this name. Readers are told to ignore
/// unknown members, but here each member must be in the schema, so that it stays complete.
#[track_caller]
pub(crate) fn check(name: &str, documents: &[Value]) {
    let mut schema: Value = serde_json::from_slice(&std::fs::read(file(name)).unwrap()).unwrap();
    close(&mut schema);
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    for document in documents {
        let outcome = schemas.validate(document, schema).map_err(|error| format!("{error:#}"));
        assert_eq!(outcome, Ok(()), "not as {name}.json says: {document:#}");
    }
}

/// The name of the schema for the output of a command.
pub(crate) fn name_of(arguments: &[String]) -> String {
    let mut words = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let command = words.next().unwrap();
    match command.as_str() {
        "download" if arguments.iter().any(|argument| argument == "--dry-run") => "download-plan".to_owned(),
        "store" => format!("store-{}", words.next().unwrap()),
        "rm" => "remove".to_owned(),
        command => command.to_owned(),
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas").join(name).with_extension("json")
}

/// Makes the schema reject additional members.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
#[should_panic(expected = "not as store-init.json says")]
fn a_field_missing_from_a_schema_is_detected() {
    let document = serde_json::json!({ "version": 1, "format": 1, "conditional_put": true, "more": 1 });
    check("store-init", &[document]);
}
