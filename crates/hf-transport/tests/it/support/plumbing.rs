//! Puts objects into a hub's repository that no honest git would write.

use std::path::PathBuf;

use local_hub::{Git, LocalHub};

/// The repository of one model, accessed with git's plumbing commands.
pub(crate) struct Plumbing<'a> {
    git: Git,
    folder: PathBuf,
    hub: std::marker::PhantomData<&'a LocalHub>,
}

/// One entry of a tree: mode, name, object.
pub(crate) type TreeEntry<'a> = (&'a str, &'a [u8], &'a str);

impl<'a> Plumbing<'a> {
    pub(crate) fn new(hub: &'a LocalHub, id: &str) -> Self {
        Self { git: hub.git(), folder: hub.repository(id).unwrap(), hub: std::marker::PhantomData }
    }

    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.git.run(&self.folder, arguments, input).unwrap();
        String::from_utf8(output).unwrap().trim_end().to_owned()
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        self.run(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// A tree with exactly these entries in this order.
    pub(crate) fn tree(&self, entries: &[TreeEntry<'_>]) -> String {
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| line(*entry)).collect();
        self.run(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &bytes)
    }

    /// A commit of a tree, without parents.
    pub(crate) fn commit(&self, tree: &str, message: &str) -> String {
        self.run(&["commit-tree", tree], message.as_bytes())
    }

    pub(crate) fn set(&self, reference: &str, object: &str) {
        self.run(&["update-ref", reference, object], b"");
    }

    /// Makes a tree with these entries the only content of the default branch.
    pub(crate) fn set_main(&self, entries: &[TreeEntry<'_>]) {
        let tree = self.tree(entries);
        self.set("refs/heads/main", &self.commit(&tree, "odd"));
    }

    /// Adds a line to the packed references, with any name.
    pub(crate) fn add_packed_reference(&self, name: &[u8], object: &str) {
        let line = [object.as_bytes(), b" ", name, b"\n"].concat();
        std::fs::write(self.folder.join("packed-refs"), line).unwrap();
    }
}

fn line((mode, name, object): TreeEntry<'_>) -> Vec<u8> {
    let digits = object.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let object: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    [mode.as_bytes(), b" ", name, b"\0", &object].concat()
}
