//! Small packs that are expensive to unpack without checks.

use super::{PackBuilder, copy, delta, insert, object_name, tree_entry};

const MIB: usize = 1 << 20;
/// How much one delta instruction copies.
const COPIED: u32 = 0xff_ffff;

/// A pack that exhausts a machine's memory or time.
#[derive(Clone, Debug)]
pub struct Bomb {
    /// Its name.
    pub name: &'static str,
    /// The pack.
    pub pack: Vec<u8>,
    /// The object that a reference leads to, usually a commit.
    pub tip: String,
    /// Words that the refusal must contain.
    pub words: &'static str,
    /// Whether it contradicts itself; otherwise it exceeds a limit.
    pub is_broken: bool,
}

impl Bomb {
    /// All bombs.
    pub fn all() -> Vec<Self> {
        vec![
            Self::chain(),
            Self::one_delta(),
            Self::huge("tree", "more than 16.78 MB in the list of a folder"),
            Self::huge("commit", "more than 1.05 MB in a commit"),
            Self::huge("tag", "more than 1.05 MB in a tag"),
            Self::huge("blob", "more than 268.44 MB in a plain file"),
            Self::secretly_huge(),
            Self::depth(),
            Self::many_small_ones_of_a_large_one(),
            Self::many_objects(),
            Self::twice("it contains an object twice"),
        ]
    }

    fn new(name: &'static str, pack: &PackBuilder, tip: String, words: &'static str) -> Self {
        Self { name, pack: pack.finish(), tip, words, is_broken: false }
    }

    /// Every delta repeats its base: gigabytes, none of which exceeds a limit of its own.
    fn chain() -> Self {
        let (mut pack, tip) = with_commit();
        let mut base = pack.lying("blob", COPIED.into(), &[(&vec![0; 0xff_ffff], 1)]);
        for _ in 0..200 {
            base = pack.delta_at(base, &delta(COPIED.into(), COPIED.into(), &[copy(0, COPIED)]));
        }
        Self::new("a chain of deltas", &pack, tip, "more than 1.07 GB to unpack")
    }

    fn one_delta() -> Self {
        let (mut pack, tip) = with_commit();
        let base = pack.lying("blob", COPIED.into(), &[(&vec![0; 0xff_ffff], 1)]);
        let copies = vec![copy(0, COPIED); 32];
        pack.delta_at(base, &delta(COPIED.into(), u64::from(COPIED) * 32, &copies));
        Self::new("one delta to 512 MB", &pack, tip, "more than 100.66 MB to unfold a delta")
    }

    /// A huge object that is requested directly, or the tree of such a commit.
    fn huge(kind: &'static str, words: &'static str) -> Self {
        let mut pack = PackBuilder::default();
        let content = vec![0; 300 * MIB];
        pack.whole(kind, &content);
        let name = object_name(kind, &content);
        let tip = match kind {
            "tree" => commit(&mut pack, &name),
            _ => name,
        };
        Self::new(kind, &pack, tip, words)
    }

    fn secretly_huge() -> Self {
        let (mut pack, tip) = with_commit();
        pack.lying("tree", 100, &[(&vec![0; MIB], 300)]);
        let bomb = Self::new("longer than it says", &pack, tip, "an object is longer than it says");
        Self { is_broken: true, ..bomb }
    }

    fn depth() -> Self {
        let (mut pack, tip) = with_commit();
        let mut base = pack.whole("blob", b"base");
        for number in 0..5000_u32 {
            let text = format!("{number:04}");
            base = pack.delta_at(base, &delta(4, 4, &[insert(text.as_bytes())]));
        }
        Self::new("a long chain of deltas", &pack, tip, "more than 64 deltas in a chain")
    }

    /// Each expands to four bytes, and costs 30 MB.
    fn many_small_ones_of_a_large_one() -> Self {
        let (mut pack, tip) = with_commit();
        let base = pack.lying("blob", 30 * MIB as u64, &[(&vec![0; MIB], 30)]);
        for number in 1..5000_u32 {
            pack.delta_at(base, &delta(30 * MIB as u64, 4, &[insert(&number.to_le_bytes())]));
        }
        Self::new("small deltas of a large file", &pack, tip, "more than 4.29 GB to unfold all deltas")
    }

    fn many_objects() -> Self {
        let pack = PackBuilder { count: 1_000_000, ..with_commit().0 };
        Self::new("a million objects", &pack, object_name("commit", b""), "more than 250000 objects")
    }

    /// A delta of an object that exists already: libgit2 waits for its base without end.
    fn twice(words: &'static str) -> Self {
        let (mut pack, tip) = with_commit();
        pack.whole("blob", b"0000");
        let base = object_name("blob", b"0000");
        pack.delta_of(&base, &delta(4, 4, &[insert(b"1111")]));
        pack.delta_of(&base, &delta(4, 4, &[insert(b"1111")]));
        Self { is_broken: true, ..Self::new("an object twice", &pack, tip, words) }
    }
}

/// A pack with a valid commit, and its id.
fn with_commit() -> (PackBuilder, String) {
    let mut pack = PackBuilder::default();
    let tree = tree_entry("100644", b"mlc-chat-config.json", &object_name("blob", b"{}"));
    pack.whole("tree", &tree);
    pack.whole("blob", b"{}");
    let tip = commit(&mut pack, &object_name("tree", &tree));
    (pack, tip)
}

/// Adds a commit of a tree; returns its id.
fn commit(pack: &mut PackBuilder, tree: &str) -> String {
    let commit = format!("tree {tree}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n");
    pack.whole("commit", commit.as_bytes());
    object_name("commit", commit.as_bytes())
}
