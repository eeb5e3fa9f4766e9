//! Checks that no source files of a shipped crate import each other, directly or indirectly.
//!
//! To understand one such file, a reader would first have to know the other. A file depends on the files
//! that define the names it uses, even if a `pub use` in between hides them. The `mod` line with which a
//! parent includes a child is not a dependency. Methods cannot be resolved without types, so an `impl`
//! block counts where its names do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use crate::workspace::File;

/// The maximum length of a chain of re-exports.
const MAX_HOPS: usize = 16;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| is_root(&file.path)) {
        match Crate::read(file, files) {
            Ok(house) => complaints.extend(house.circles()),
            Err(problem) => complaints.push(problem),
        }
    }
    complaints
}

/// The first file of a shipped crate.
fn is_root(path: &str) -> bool {
    path.starts_with("crates/") && (path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs"))
}

/// The modules of a crate by their paths (`a::b`; the root's is empty).
#[derive(Default)]
struct Crate {
    modules: HashMap<String, Module>,
}

/// A module, as far as it is in one file.
#[derive(Default)]
struct Module {
    file: String,
    /// The names it defines or imports.
    names: HashMap<String, Name>,
    /// The modules from which it imports everything.
    globs: Vec<Vec<String>>,
    /// All paths in its code.
    paths: BTreeSet<Vec<String>>,
}

#[derive(Clone)]
enum Name {
    Own,
    Imported(Vec<String>),
}

/// Which names of which files a file uses.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Crate {
    fn read(root: &File, files: &[File]) -> Result<Self, String> {
        let mut house = Self::default();
        house.read_file(String::new(), root, files)?;
        Ok(house)
    }

    fn read_file(&mut self, module: String, file: &File, files: &[File]) -> Result<(), String> {
        let parsed = syn::parse_file(&file.text).map_err(|error| format!("{}: {error}", file.path))?;
        self.read_items(module, file, &parsed.items, files)
    }

    fn read_items(
        &mut self,
        path: String,
        file: &File,
        items: &[Item],
        files: &[File],
    ) -> Result<(), String> {
        let mut module = Module { file: file.path.clone(), ..Module::default() };
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Use(item) => module.import(Vec::new(), &item.tree),
                Item::Mod(item) => {
                    let name = item.ident.to_string();
                    let child = join(&path, &name);
                    if let Some((_, items)) = &item.content {
                        self.read_items(child, file, items, files)?;
                    } else {
                        self.read_file(child, child_of(file, &name, files)?, files)?;
                    }
                }
                item => {
                    module.define(item);
                    module.visit_item(item);
                }
            }
        }
        self.modules.insert(path, module);
        Ok(())
    }

    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        circles_in(&arrows).iter().map(|circle| describe(circle, &arrows)).collect()
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (name, module) in &self.modules {
            let imported = module.names.values().filter_map(|name| match name {
                Name::Imported(path) => Some(path),
                Name::Own => None,
            });
            for path in module.paths.iter().chain(imported) {
                if let Some((file, name)) = self.definition_of(name, path, 0)
                    && file != module.file
                {
                    let targets = arrows.entry(module.file.clone()).or_default();
                    targets.entry(file.to_owned()).or_default().insert(name);
                }
            }
        }
        arrows
    }

    /// Resolves a path in a module to the file that defines it and its name there. `None` for names of
    /// other crates, and for modules.
    fn definition_of(&self, from: &str, path: &[String], hops: usize) -> Option<(&str, String)> {
        let (mut at, mut rest) = (from.to_owned(), path);
        while let [first, tail @ ..] = rest {
            match first.as_str() {
                "crate" => at = String::new(),
                "self" => {}
                "super" => at = parent(&at).to_owned(),
                name => {
                    let child = join(&at, name);
                    if !self.modules.contains_key(&child) {
                        return self.defined_at(&at, name, tail, hops);
                    }
                    at = child;
                }
            }
            rest = tail;
        }
        None
    }

    fn defined_at(&self, at: &str, name: &str, tail: &[String], hops: usize) -> Option<(&str, String)> {
        let module = self.modules.get(at)?;
        let follow = |mut path: Vec<String>| {
            path.extend_from_slice(tail);
            (hops < MAX_HOPS).then(|| self.definition_of(at, &path, hops + 1)).flatten()
        };
        match module.names.get(name) {
            Some(Name::Own) => Some((&module.file, name.to_owned())),
            Some(Name::Imported(path)) => follow(path.clone()),
            None => module
                .globs
                .iter()
                .find_map(|glob| follow(glob.iter().cloned().chain([name.to_owned()]).collect())),
        }
    }
}

impl Module {
    fn import(&mut self, mut prefix: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(prefix, &path.tree);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(prefix.clone(), tree));
            }
            UseTree::Glob(_) => self.globs.push(prefix),
            UseTree::Name(name) => self.add_import(prefix, &name.ident.to_string(), None),
            UseTree::Rename(name) => {
                self.add_import(prefix, &name.ident.to_string(), Some(name.rename.to_string()));
            }
        }
    }

    fn add_import(&mut self, mut path: Vec<String>, name: &str, other: Option<String>) {
        if name != "self" {
            path.push(name.to_owned());
        }
        if let Some(last) = path.last().cloned() {
            self.names.insert(other.unwrap_or(last), Name::Imported(path));
        }
    }

    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Macro(item) => match &item.ident {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        self.names.insert(name.to_string(), Name::Own);
    }

    /// Adds the paths among the tokens of a macro call or attribute.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || path.is_empty() => path.push(name.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() && colons < 2 => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.add_path(std::mem::take(&mut path));
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
            colons = 0;
        }
        self.add_path(path);
    }

    fn add_path(&mut self, path: Vec<String>) {
        if !path.is_empty() {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // An import inside a function: treating it as the module's is good enough.
        self.import(Vec::new(), &item.tree);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn child_of<'a>(parent: &File, name: &str, files: &'a [File]) -> Result<&'a File, String> {
    let stem = parent.path.trim_end_matches(".rs");
    let folder = ["/lib", "/main", "/mod"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    let places = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    let found = files.iter().find(|file| places.contains(&file.path));
    found.ok_or_else(|| format!("{}: git does not track its module {name}", parent.path))
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// The sets of files that all depend on each other.
fn circles_in(arrows: &Arrows) -> BTreeSet<BTreeSet<String>> {
    let reached: HashMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|file| (file, reachable(file, arrows))).collect();
    let leads = |from: &String, to: &String| reached.get(from).is_some_and(|files| files.contains(to));
    arrows
        .keys()
        .filter(|file| leads(file, file))
        .map(|file| arrows.keys().filter(|other| leads(file, other) && leads(other, file)).cloned().collect())
        .collect()
}

fn reachable<'a>(file: &'a String, arrows: &'a Arrows) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(next) = waiting.pop() {
        for target in arrows.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(target) {
                waiting.push(target);
            }
        }
    }
    reached
}

fn describe(circle: &BTreeSet<String>, arrows: &Arrows) -> String {
    let mut lines = vec!["these files import each other:".to_owned()];
    for (from, targets) in arrows.iter().filter(|(from, _)| circle.contains(*from)) {
        for (to, names) in targets.iter().filter(|(to, _)| circle.contains(*to)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!("  {from} takes {} from {to}", names.join(", ")));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
