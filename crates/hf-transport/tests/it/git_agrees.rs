//! A pack is accepted if and only if git accepts it, apart from limits.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::sync::OnceLock;

use hf_transport::pack::{Flaw, Limits, scan};
use local_hub::{Git, PackBuilder, copy, delta, insert, object_name, seal};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use crate::scratch;

/// Git, with an empty repository so that it does not search for one.
fn git() -> &'static (tempfile::TempDir, Git) {
    static GIT: OnceLock<(tempfile::TempDir, Git)> = OnceLock::new();
    GIT.get_or_init(|| {
        let folder = scratch();
        let git = Git::isolated(folder.path()).unwrap();
        git.run(folder.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        (folder, git)
    })
}

/// The ids of the pack's objects, if git accepts it.
fn git_takes(pack: &[u8]) -> Option<Vec<String>> {
    let (repository, git) = git();
    let folder = scratch();
    let (file, index) = (folder.path().join("x.pack"), folder.path().join("x.idx"));
    std::fs::write(&file, pack).unwrap();
    git.run(repository.path(), &["--git-dir=.", "index-pack", file.to_str().unwrap()], b"").ok()?;
    let index = std::fs::read(index).unwrap();
    let shown = git.run(repository.path(), &["--git-dir=.", "show-index"], &index).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    Some(shown.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect())
}

/// libgit2 must be able to unpack an accepted pack.
fn unpacked_by_libgit2(pack: &[u8]) -> Result<(), git2::Error> {
    let folder = scratch();
    let mut options = git2::RepositoryInitOptions::new();
    let repository = git2::Repository::init_opts(folder.path(), options.bare(true).external_template(false))?;
    let odb = repository.odb()?;
    let mut writer = odb.packwriter()?;
    writer.write_all(pack).map_err(|_| git2::Error::last_error(-1))?;
    writer.commit().map(drop)
}

/// Whether the pack is accepted; git must agree.
fn check(pack: &[u8]) -> Result<bool, TestCaseError> {
    let verdict = scan(&mut Cursor::new(pack), &Limits::new(1 << 26), &|| false);
    match (verdict, git_takes(pack)) {
        (Ok(costs), Some(names)) => {
            for name in names {
                let id: Vec<u8> =
                    (0..40).step_by(2).map(|at| u8::from_str_radix(&name[at..at + 2], 16).unwrap()).collect();
                prop_assert!(costs.of(&id).is_some(), "only git finds {}", name);
            }
            prop_assert_eq!(unpacked_by_libgit2(pack), Ok(()));
            Ok(true)
        }
        (Err(_), None)
        // libgit2 does not accept it, and nobody sends it.
        | (Err(Flaw::Broken("it contains an object twice")), Some(_))
        // git has other limits.
        | (Err(Flaw::TooMuch { .. }), _) => Ok(false),
        (verdict, names) => {
            let verdict = verdict.map(|_| "taken");
            Err(TestCaseError::fail(format!("{verdict:?}, by git: {names:?}; the pack: {pack:?}")))
        }
    }
}

/// Packs made by git take twenty times as long to make.
fn a_twentieth() -> Config {
    let usual = Config::default();
    Config { cases: usual.cases / 20, ..usual }
}

/// A history of files that change a little in each commit, as input for `git fast-import`.
fn history() -> impl Strategy<Value = String> {
    let change = (0..5_u8, 0..200_usize, "[a-z]{0,12}");
    let commits = prop::collection::vec(prop::collection::vec(change, 1..4), 1..20);
    (commits, any::<u64>()).prop_map(|(commits, seed)| {
        let first =
            |file: u8| (0..200).map(move |line| format!("{file} {} {line}", seed ^ (u64::from(file) * line)));
        let mut files: Vec<Vec<String>> = (0..5).map(|file| first(file).collect()).collect();
        let mut stream = String::new();
        for (number, changes) in commits.into_iter().enumerate() {
            write!(stream, "commit refs/heads/main\ncommitter A <a@b> {number} +0000\ndata 1\nx\n").unwrap();
            for (file, line, text) in changes {
                let lines = &mut files[usize::from(file)];
                lines[line] = text;
                let content = lines.join("\n");
                write!(stream, "M 100644 inline d/{file}\ndata {}\n{content}\n", content.len()).unwrap();
            }
        }
        stream
    })
}

/// A pack of all of it, with deltas.
fn packed(history: &str, window: u8, depth: u8, by_offset: bool) -> Vec<u8> {
    let (_, git) = git();
    let folder = scratch();
    let run = |arguments: &[&str], input: &[u8]| git.run(folder.path(), arguments, input).unwrap();
    run(&["init", "-q", "--bare", "."], b"");
    run(&["fast-import", "--quiet", "--depth=0"], history.as_bytes());
    let (window, depth) = (format!("--window={window}"), format!("--depth={depth}"));
    let mut arguments = vec!["pack-objects", "-q", "--all", "--stdout", "--no-reuse-delta", &window, &depth];
    arguments.extend(by_offset.then_some("--delta-base-offset"));
    run(&arguments, b"")
}

/// A change to a pack, after which the checksum may be corrected.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Cut(Index),
    Double(Index, Index),
    Count(u8),
    Append(Vec<u8>),
}

impl Mutation {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Flip(at, bit)),
            1 => any::<Index>().prop_map(Self::Cut),
            1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Self::Double(from, to)),
            1 => any::<u8>().prop_map(Self::Count),
            1 => prop::collection::vec(any::<u8>(), 1..30).prop_map(Self::Append),
        ]
    }

    fn apply(&self, pack: &mut Vec<u8>) {
        match self {
            Self::Flip(at, bit) => *at.get_mut(pack.as_mut_slice()) ^= 1 << bit,
            Self::Cut(at) => pack.truncate(at.index(pack.len())),
            Self::Double(from, to) => {
                let (from, to) = (from.index(pack.len()), to.index(pack.len()));
                let part = pack[from.min(to)..from.max(to)].to_vec();
                pack.extend(part);
            }
            Self::Count(count) if pack.len() > 11 => pack[11] = *count,
            Self::Count(_) => {}
            Self::Append(bytes) => pack.extend(bytes),
        }
    }
}

/// A hand-made object of a pack, usually valid.
#[derive(Clone, Debug)]
struct Made {
    kind: Index,
    content: Vec<u8>,
    /// The object that it is a delta of, if any.
    base: Option<Index>,
    by_name: bool,
    pieces: Vec<(bool, u8, u8)>,
    /// What is wrong with it, usually nothing.
    flaw: u8,
}

fn made() -> impl Strategy<Value = Made> {
    let content = prop::collection::vec(any::<u8>(), 0..30);
    let pieces = prop::collection::vec((any::<bool>(), any::<u8>(), any::<u8>()), 0..6);
    (any::<Index>(), content, any::<Option<Index>>(), any::<bool>(), pieces, 0..40_u8).prop_map(
        |(kind, content, base, by_name, pieces, flaw)| Made { kind, content, base, by_name, pieces, flaw },
    )
}

/// Metadata of an object put into the pack.
struct Put {
    at: u64,
    kind: &'static str,
    content: Vec<u8>,
}

impl Made {
    fn put(&self, pack: &mut PackBuilder, others: &[Put]) -> Put {
        if let Some(base) = &self.base
            && !others.is_empty()
        {
            return self.put_delta(pack, base.get(others));
        }
        let kind = *self.kind.get(&["commit", "tree", "blob", "tag"]);
        let size = self.content.len() as u64;
        let size = match self.flaw {
            0 => size + 1,
            1 => size.saturating_sub(1),
            _ => size,
        };
        Put { at: pack.lying(kind, size, &[(&self.content, 1)]), kind, content: self.content.clone() }
    }

    fn put_delta(&self, pack: &mut PackBuilder, base: &Put) -> Put {
        let (mut content, mut instructions) = (Vec::new(), Vec::new());
        let size = base.content.len();
        for (is_copy, one, other) in &self.pieces {
            let (one, other) = (usize::from(*one), usize::from(*other));
            if *is_copy && size > 0 {
                let (from, length) = (one % size, other % size + 1);
                let length = if self.flaw == 0 { length } else { length.min(size - from) };
                content.extend(base.content[from..].iter().take(length));
                instructions.push(copy(u32::try_from(from).unwrap(), u32::try_from(length).unwrap()));
            } else if !self.content.is_empty() {
                let own = &self.content[..=one % self.content.len()];
                content.extend(own);
                instructions.push(insert(own));
            }
        }
        let mut sizes = [size as u64, content.len() as u64];
        match self.flaw {
            1 => sizes[0] += 1,
            2 => sizes[1] += 1,
            3 => sizes[1] = sizes[1].saturating_sub(1),
            4 => instructions.push(vec![0]),
            5 => instructions.push(vec![9, 1]),
            6 => instructions.push(vec![0xff, 1]),
            _ => {}
        }
        let delta = delta(sizes[0], sizes[1], &instructions);
        let at = match self.flaw {
            7 => pack.delta_at(base.at + 1, &delta),
            8 => pack.delta_of(&object_name(base.kind, b"not in it"), &delta),
            _ if self.by_name => pack.delta_of(&object_name(base.kind, &base.content), &delta),
            _ => pack.delta_at(base.at, &delta),
        };
        Put { at, kind: base.kind, content }
    }
}

proptest! {
    #![proptest_config(a_twentieth())]
    #[test]
    fn packs_made_by_git_are_accepted(
        history in history(),
        window in 0..30_u8,
        depth in 0..60_u8,
        by_offset: bool,
    ) {
        prop_assert!(check(&packed(&history, window, depth, by_offset))?);
    }

    #[test]
    fn modified_packs_are_judged_as_git_does(
        history in history(),
        by_offset: bool,
        mutations in prop::collection::vec((prop::collection::vec(Mutation::any(), 1..3), any::<bool>()), 20),
    ) {
        let whole = packed(&history, 10, 50, by_offset);
        for (mutations, sealed) in mutations {
            let mut pack = whole.clone();
            if sealed {
                pack.truncate(pack.len() - 20);
            }
            for mutation in mutations {
                if !pack.is_empty() {
                    mutation.apply(&mut pack);
                }
            }
            check(&if sealed { seal(pack) } else { pack })?;
        }
    }
}

proptest! {
    #[test]
    fn git_agrees_on_hand_made_packs(objects in prop::collection::vec(made(), 0..10)) {
        let mut pack = PackBuilder::default();
        let mut put = Vec::new();
        for object in objects {
            put.push(object.put(&mut pack, &put));
        }
        check(&pack.finish())?;
    }
}
