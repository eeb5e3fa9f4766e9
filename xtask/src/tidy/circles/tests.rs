use super::*;

fn files(sources: &[(&str, &str)]) -> Vec<File> {
    sources
        .iter()
        .map(|(path, text)| File { path: format!("crates/a/src/{path}"), text: (*text).to_owned() })
        .collect()
}

#[track_caller]
fn check_sources(sources: &[(&str, &str)], expected: &[&str]) {
    let complaints = check(&files(sources));
    let expected: Vec<String> =
        expected.iter().map(|arrows| format!("these files import each other:\n{arrows}")).collect();
    assert_eq!(complaints, expected);
}

const ROOT: &str = "mod b; mod c; mod d; pub use b::B; pub use c::C;";

#[test]
fn a_line_of_files_is_fine() {
    check_sources(
        &[
            ("lib.rs", ROOT),
            ("b.rs", "use crate::C; pub struct B(C);"),
            ("c.rs", "pub struct C; impl C { fn d() -> crate::d::D { todo!() } }"),
            ("d.rs", "pub struct D; fn other() { other::B::new(); B; self::D; std::mem::drop(1) }"),
        ],
        &[],
    );
}

#[test]
fn a_circle_is_seen_through_re_exports_and_around() {
    check_sources(
        &[
            ("lib.rs", ROOT),
            ("b.rs", "use crate::C; pub struct B(C);"),
            ("c.rs", "pub struct C(super::d::D);"),
            ("d.rs", "use super::b; pub struct D; fn f(_: &b::B) {}"),
        ],
        &["  crates/a/src/b.rs takes C from crates/a/src/c.rs
  crates/a/src/c.rs takes D from crates/a/src/d.rs
  crates/a/src/d.rs takes B from crates/a/src/b.rs"],
    );
}

#[test]
fn a_child_that_needs_what_its_parent_defines_is_one() {
    let parent = "mod child; pub struct Parent; use child::Child; fn f(_: Child) {}";
    let arrows = "  crates/a/src/b.rs takes Child from crates/a/src/b/child.rs
  crates/a/src/b/child.rs takes Parent from crates/a/src/b.rs";
    let child = |text| [("lib.rs", "mod b;"), ("b.rs", parent), ("b/child.rs", text)];
    check_sources(&child("pub struct Child(super::Parent);"), &[arrows]);
    check_sources(&child("use super::*; pub struct Child(Parent);"), &[arrows]);
    check_sources(&child("pub struct Child;"), &[]);
}

#[test]
fn names_in_macros_count() {
    check_sources(
        &[
            ("lib.rs", "mod b; mod c;"),
            ("b.rs", "pub const B: u8 = 1; fn f() { println!(\"{}\", crate::c::C + 1) }"),
            ("c.rs", "use crate::b::B as Other; pub const C: u8 = 2; fn f() { assert!({ 1 == Other }) }"),
        ],
        &["  crates/a/src/b.rs takes C from crates/a/src/c.rs
  crates/a/src/c.rs takes B from crates/a/src/b.rs"],
    );
}

#[test]
fn tests_and_modules_of_one_file_do_not_count() {
    check_sources(
        &[
            ("lib.rs", "mod b; mod c;"),
            ("b.rs", "pub struct B; mod inner { use super::B; } #[cfg(test)] mod tests { use crate::c::C; }"),
            ("c.rs", "use crate::b::B; pub struct C; #[cfg(test)] use crate::b::X; #[cfg(test)] mod tests;"),
        ],
        &[],
    );
}

#[test]
fn what_cannot_be_read_is_a_complaint() {
    let complaints = check(&files(&[("lib.rs", "mod b;"), ("b.rs", "fn (")]));
    assert!(complaints.len() == 1 && complaints[0].starts_with("crates/a/src/b.rs: "), "{complaints:?}");
    let complaints = check(&files(&[("lib.rs", "mod b;")]));
    assert_eq!(complaints, ["crates/a/src/lib.rs: git does not track its module b"]);
}
