//! Lists the public items of the libraries' crates in docs/api, one per line, so that reviewers and `tidy`
//! notice changes.
//!
//! The compiler's lint `unreachable_pub` ensures that every `pub` item can be reached, so the sources
//! suffice.

mod print;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use quote::ToTokens as _;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, Type, Visibility};

use self::print::text;
use crate::workspace::{self, File};

const CRATES: [&str; 7] =
    ["cache-layout", "facade", "hf-transport", "net", "shard-fetch", "url-parse", "weight-store"];

/// Writes the listings.
pub(crate) fn run(root: &Path) -> Result<()> {
    for (path, listing) in listings(&workspace::files(root)?)? {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::fs::write(&path, listing).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Compares the listings with the sources.
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let is_kept =
        |path: &str, listing: &str| files.iter().any(|file| file.path == path && file.text == listing);
    let changed = listings(files)?.into_iter().filter(|(path, listing)| !is_kept(path, listing));
    Ok(changed
        .map(|(path, _)| {
            format!(
                "{path} is not what the crate offers now: run `cargo xtask api`, and look at the difference"
            )
        })
        .collect())
}

fn listings(files: &[File]) -> Result<Vec<(String, String)>> {
    CRATES.iter().map(|name| Ok((format!("docs/api/{name}.txt"), listing(name, files)?))).collect()
}

fn listing(name: &str, files: &[File]) -> Result<String> {
    let folder = format!("crates/{name}/src/");
    let parsed = files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix(&folder)?, file)))
        .filter(|(path, file)| file.is_rust() && !path.ends_with("tests.rs") && !path.contains("tests/"))
        .map(|(path, file)| {
            let parsed = syn::parse_file(&file.text).map_err(|error| anyhow!("{}: {error}", file.path))?;
            Ok((path, parsed.items))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut listing = Listing::default();
    for (_, items) in &parsed {
        listing.note_types(items);
    }
    let root = parsed.iter().find(|(path, _)| *path == "lib.rs").map_or(&[][..], |(_, items)| items);
    for (path, items) in &parsed {
        let module = path.split(['/', '.']).next().unwrap_or_default();
        let is_public = root
            .iter()
            .any(|item| matches!(item, Item::Mod(item) if item.ident == module && is_pub(&item.vis)));
        listing.items(if is_public { module } else { "" }, items);
    }
    Ok(listing.lines.into_iter().map(|line| line + "\n").collect())
}

#[derive(Default)]
struct Listing {
    lines: BTreeSet<String>,
    /// What is called `pub`: implementations for anything else are nobody's business.
    types: BTreeSet<String>,
}

impl Listing {
    fn note_types(&mut self, items: &[Item]) {
        for item in items {
            let (name, vis) = match item {
                Item::Enum(item) => (&item.ident, &item.vis),
                Item::Struct(item) => (&item.ident, &item.vis),
                Item::Trait(item) => (&item.ident, &item.vis),
                _ => continue,
            };
            if is_pub(vis) {
                self.types.insert(name.to_string());
            }
        }
    }

    fn say(&mut self, module: &str, line: &str) {
        self.lines.insert(if module.is_empty() { line.to_owned() } else { format!("{module}::{line}") });
    }

    fn items(&mut self, module: &str, items: &[Item]) {
        for item in items.iter().filter(|item| !is_left_out(item)) {
            match item {
                Item::Const(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("{}: const {}", item.ident, text(&item.ty)));
                }
                Item::Enum(item) if is_pub(&item.vis) => {
                    let head = format!("{}{}: enum{}", item.ident, text(&item.generics), traits(&item.attrs));
                    self.say(module, &head);
                    for variant in &item.variants {
                        let fields = fields(&variant.fields);
                        let fields =
                            if is_open(&variant.attrs) { fields.replace(" }", ", .. }") } else { fields };
                        self.say(module, &format!("{}::{}{fields}", item.ident, variant.ident));
                    }
                }
                Item::Fn(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("{}: {}", item.sig.ident, text(&item.sig)));
                }
                Item::Impl(item) => self.implementation(module, item),
                Item::Mod(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("{}: mod", item.ident));
                    if let Some((_, items)) = &item.content {
                        self.items(&item.ident.to_string(), items);
                    }
                }
                Item::Struct(item) if is_pub(&item.vis) => {
                    let head =
                        format!("{}{}: struct{}", item.ident, text(&item.generics), traits(&item.attrs));
                    self.say(module, &head);
                    for (index, field) in
                        item.fields.iter().enumerate().filter(|(_, field)| is_pub(&field.vis))
                    {
                        let name =
                            field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                        self.say(module, &format!("{}.{name}: {}", item.ident, text(&field.ty)));
                    }
                }
                Item::Trait(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("{}: trait: {}", item.ident, text(&item.supertraits)));
                    for part in &item.items {
                        if let TraitItem::Fn(method) = part {
                            self.say(module, &format!("{}::{}", item.ident, text(&method.sig)));
                        }
                    }
                }
                Item::Type(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("{}: type = {}", item.ident, text(&item.ty)));
                }
                Item::Use(item) if is_pub(&item.vis) => {
                    self.say(module, &format!("use {}", text(&item.tree)));
                }
                _ => {}
            }
        }
    }

    fn implementation(&mut self, module: &str, item: &ItemImpl) {
        let name = name_of(&item.self_ty);
        if let Some((_, implemented, _)) = &item.trait_ {
            let is_ours =
                implemented.segments.last().is_some_and(|last| self.types.contains(&last.ident.to_string()));
            if is_ours || self.types.contains(&name) {
                let line =
                    format!("impl{} {} for {}", text(&item.generics), text(implemented), text(&item.self_ty));
                self.say("", &line);
            }
            return;
        }
        for part in &item.items {
            match part {
                ImplItem::Fn(method) if is_pub(&method.vis) => {
                    self.say(module, &format!("{name}::{}", text(&method.sig)));
                }
                ImplItem::Const(part) if is_pub(&part.vis) => {
                    self.say(module, &format!("{name}::{}: const {}", part.ident, text(&part.ty)));
                }
                _ => {}
            }
        }
    }
}

fn name_of(of: &Type) -> String {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        Type::Reference(reference) => name_of(&reference.elem),
        _ => String::new(),
    }
}

const fn is_pub(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn fields(fields: &Fields) -> String {
    let mut fields = fields.clone();
    fields.iter_mut().for_each(|field| field.attrs.clear());
    match &fields {
        Fields::Unit => String::new(),
        Fields::Named(fields) => format!(" {{ {} }}", text(&fields.named)),
        Fields::Unnamed(fields) => text(fields),
    }
}

/// The derived traits, and whether more may come to it.
fn traits(attributes: &[Attribute]) -> String {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let derived = lists.filter_map(|list| Some(text(&list.meta.require_list().ok()?.tokens)));
    let open = is_open(attributes).then(|| "non_exhaustive".to_owned());
    derived.chain(open).fold(String::new(), |words, next| words + ", " + &next)
}

fn is_open(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

fn is_left_out(item: &Item) -> bool {
    let attributes = match item {
        Item::Fn(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        _ => return false,
    };
    let mut words = attributes.iter().map(|attribute| attribute.meta.to_token_stream().to_string());
    words.any(|words| words.contains("(hidden)") || words.contains("(test)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [file("crates/a/src/lib.rs", source), file("crates/a/src/b.rs", "pub fn in_b() {}")];
        let listing = listing("a", &files).unwrap();
        assert_eq!(listing.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_can_be_reached_is_listed() {
        check(
            "pub mod b; mod c; pub use c::{D, E as F};
             #[derive(Clone, Debug)] #[non_exhaustive] pub struct A<'a> { /// Doc
             pub x: &'a str, y: u8 }
             struct Hidden;
             impl<'a> A<'a> { pub async fn go(&mut self, on: impl Fn(&B) -> u8 + 'static) -> Result<Vec<u8>, ()> { } fn no(&self) {} }
             impl Default for A<'_> { } impl Clone for Hidden {}
             #[cfg(test)] mod tests { pub struct T; }",
            &[
                "A.x: &'a str",
                "A::async fn go(&mut self, on: impl Fn(&B) -> u8 + 'static) -> Result<Vec<u8>, ()>",
                "A<'a>: struct, Clone, Debug, non_exhaustive",
                "b: mod",
                "b::in_b: fn in_b()",
                "impl Default for A<'_>",
                "use c::{D, E as F}",
            ],
        );
        check(
            "pub enum E { Unit, One(u8), #[error(\"x\")] Named { /// Doc
             a: u8, b: Option<&'static str> }, #[non_exhaustive] Open { a: u8 } } pub const N: usize = 1;",
            &[
                "E: enum",
                "E::Named { a: u8, b: Option<&'static str> }",
                "E::One(u8)",
                "E::Open { a: u8, .. }",
                "E::Unit",
                "N: const usize",
                "b::in_b: fn in_b()",
            ]
            .map(|line| line.trim_start_matches("b::")),
        );
    }

    #[test]
    fn a_listing_that_is_old_is_a_complaint() {
        assert_eq!(check_of("pub fn new() {}\n", ""), 1);
        let kept = "new: fn new()\n";
        assert_eq!(check_of("pub fn new() {}\n", kept), 0);
    }

    fn check_of(source: &str, kept: &str) -> usize {
        let file = |path: String, text: &str| File { path, text: text.to_owned() };
        let sources = CRATES.map(|name| file(format!("crates/{name}/src/lib.rs"), source));
        let listings = CRATES.map(|name| file(format!("docs/api/{name}.txt"), kept));
        let files: Vec<File> = sources.into_iter().chain(listings).collect();
        super::check(&files).unwrap().len() / CRATES.len()
    }
}
