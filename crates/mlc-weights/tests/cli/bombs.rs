//! What a hostile hub can cost in memory, attempts and time.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_hub::{
    Bomb, Fault, FaultTarget, ModelFixture, PackBuilder, Route, Times, copy, delta, insert, object_name,
    pack_answer, packet, reference_list, tree_entry,
};

use crate::world::{PATIENCE, World};

const ID: &str = "mlc-ai/tiny";
const CAPABILITIES: &str = "side-band-64k ofs-delta";
const MIB: u64 = 1 << 20;
/// The memory that a process may use beyond twice the size of the largest plain file.
const LIMIT: u64 = 128 * MIB;

fn world_with(list: Vec<u8>, answer: Vec<u8>) -> World {
    let (world, _) = World::with(&ModelFixture::new(ID));
    world.hub.fault(FaultTarget::info_refs(ID), Fault::git_list(list), Times::Forever);
    world.hub.fault(FaultTarget::upload_pack(ID), Fault::git_answer(answer), Times::Forever);
    world
}

/// Runs a download to its end, and returns its exit status, its stderr and its peak memory.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the system tells the most memory only while the process runs")]
fn run_and_measure(world: &World) -> (Option<i32>, String, u64) {
    let stderr = world.beside("stderr");
    let mut command: Command = world.cli(&["download", &format!("HF://{ID}")]).command;
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&stderr).unwrap());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_of(&child).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let words = std::fs::read_to_string(&stderr).unwrap();
    std::fs::remove_file(stderr).unwrap();
    (status.code(), words, peak)
}

/// The peak memory of a running process, according to the system.
fn peak_of(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// The download is refused after one attempt, with little memory.
#[track_caller]
fn check(name: &str, world: &World, status: i32, words: &str) {
    let (code, said, peak) = run_and_measure(world);
    assert_eq!(code, Some(status), "{name}: {said}");
    assert!(said.contains(words), "{name}: {said}");
    assert!(peak < LIMIT, "{name}: {} MiB", peak / MIB);
    assert_eq!(world.hub.log().route(Route::InfoRefs).count(), 1, "{name}");
    world.check_untouched();
}

#[test]
fn decompression_bombs_cost_no_memory() {
    for bomb in Bomb::all() {
        let world = world_with(reference_list(&bomb.tip, CAPABILITIES), pack_answer(&bomb.pack));
        check(bomb.name, &world, if bomb.is_broken { 5 } else { 4 }, bomb.words);
    }
}

#[test]
fn an_error_packet_of_git_is_a_refusal() {
    let tip = object_name("commit", b"");
    let list = reference_list(&tip, CAPABILITIES);
    let err = packet(b"ERR no\x1b]0;title\x07 entry\nerror: forged");
    let band = [packet(b"NAK\n"), packet(b"\x03no\x1b[1m entry")].concat();
    for (list, answer) in [(err.clone(), Vec::new()), (list.clone(), err), (list, band)] {
        let world = world_with(list, answer);
        check("ERR", &world, 4, "the hub says: no");
        let (_, said, _) = run_and_measure(&world);
        assert!(!said.contains(['\x1b', '\x07']) && !said.contains("\nerror: forged"), "{said:?}");
    }
    let world = world_with(reference_list(&tip, "object-format=sha256"), Vec::new());
    check("sha256", &world, 4, "uses the git object format `sha256`");
}

#[test]
fn many_references_cost_no_memory() {
    let one = object_name("commit", b"");
    let list = reference_list(&one, CAPABILITIES);
    let line = packet(format!("{one} refs/x\n").as_bytes());
    let many = |bytes: usize| {
        [list.strip_suffix(b"0000").unwrap(), &line.repeat(bytes / line.len()), b"0000"].concat()
    };
    let nak = [packet(b"NAK\n"), packet(b"\x03no entry")].concat();
    check("within", &world_with(many(15 << 20), nak.clone()), 4, "the hub says: no entry");
    check("over", &world_with(many(17 << 20), nak), 4, "more than 16.78 MB of references");
}

/// A hub that serves this pack, completed with a tree and its commit.
fn world_with_pack(pack: &mut PackBuilder, tree: &[u8]) -> World {
    let commit = format!(
        "tree {}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n",
        object_name("tree", tree)
    );
    pack.whole("tree", tree);
    pack.whole("commit", commit.as_bytes());
    let tip = object_name("commit", commit.as_bytes());
    world_with(reference_list(&tip, CAPABILITIES), pack_answer(&pack.finish()))
}

/// Just within the limits for packs, so libgit2 unpacks it.
#[test]
fn many_objects_cost_no_memory() {
    let mut pack = PackBuilder::default();
    let base = pack.whole("blob", b"base");
    for number in 0..120_000_u32 {
        pack.delta_at(base, &delta(4, 5, &[insert(&[&[0][..], &number.to_le_bytes()].concat())]));
        pack.whole("blob", &number.to_le_bytes());
    }
    let world = world_with_pack(&mut pack, &tree_entry("100644", b"a", &object_name("blob", b"base")));
    check("many objects", &world, 4, "mlc-ai/tiny is not an MLC model");
}

/// Large files in the pack that the commit does not refer to are only scanned, in pieces.
#[test]
fn unneeded_content_costs_no_memory() {
    let zeros = vec![0; 1 << 20];
    let mut pack = PackBuilder::default();
    let small = object_name("blob", b"small");
    pack.whole("blob", b"small");
    pack.lying("blob", 200 * MIB, &[(&zeros, 200)]);
    let world = world_with_pack(&mut pack, &tree_entry("100644", b"a", &small));
    check("a large file", &world, 4, "mlc-ai/tiny is not an MLC model");

    // Two deltas of one file, and a delta of each of those. At most two of the results are needed at a
    // time.
    let size = 40 * MIB;
    let mut pack = PackBuilder::default();
    pack.whole("blob", b"small");
    let base = pack.lying("blob", size, &[(&zeros, 40)]);
    let version = |number: u8| {
        let copies = [(0, 10 << 20), (10 << 20, 10 << 20), (20 << 20, 10 << 20), (30 << 20, (10 << 20) - 1)];
        let copies = copies.map(|(offset, length)| copy(offset, length));
        delta(size, size, &[&copies[..], &[insert(&[number])]].concat())
    };
    for number in 1..3 {
        let child = pack.delta_at(base, &version(number));
        pack.delta_at(child, &version(number + 2));
    }
    let world = world_with_pack(&mut pack, &tree_entry("100644", b"a", &small));
    check("large deltas", &world, 4, "mlc-ai/tiny is not an MLC model");
}

/// Nested folders, each with the longest list that is allowed.
#[test]
fn long_lists_cost_no_memory() {
    let mut pack = PackBuilder::default();
    // Pointers, so these files are not written.
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 1\n", "0".repeat(64));
    let blob = object_name("blob", pointer.as_bytes());
    pack.whole("blob", pointer.as_bytes());
    let long = |number: usize| format!("{number:0>250}");
    let mut below = String::new();
    for depth in 0..20 {
        let files = (0..4000).flat_map(|number| tree_entry("100644", long(number).as_bytes(), &blob));
        let mut tree: Vec<u8> = files.collect();
        if depth > 0 {
            tree.extend(tree_entry("40000", b"below", &below));
        }
        below = object_name("tree", &tree);
        pack.whole("tree", &tree);
    }
    let world = world_with_pack(&mut pack, &tree_entry("40000", b"a", &below));
    check("long names", &world, 4, "more than 16.78 MB in names of files");

    let mut pack = PackBuilder::default();
    let tree = tree_entry("100644", b"a", &blob).repeat((16 << 20) / 29);
    pack.whole("blob", pointer.as_bytes());
    let world = world_with_pack(&mut pack, &tree);
    check("one name", &world, 5, "it is listed twice");
}

/// Content within the limits costs at most twice its own size.
#[test]
fn content_within_the_limits_costs_at_most_twice_its_size() {
    let size = 60 * MIB;
    let zeros = vec![0; 1 << 20];
    let mut pack = PackBuilder::default();
    // Three files of this size, only one of which is in memory at a time.
    let mut content = vec![0; 60 << 20];
    let mut names = Vec::new();
    for number in 1..4_u8 {
        *content.last_mut().unwrap() = number;
        let (_, last) = content.split_at(59 << 20);
        pack.lying("blob", size, &[(&zeros, 59), (last, 1)]);
        names.push(object_name("blob", &content));
    }
    // Three of 30 MiB, each a delta of the previous one.
    let base_size = 30 * MIB;
    let mut base = pack.lying("blob", base_size, &[(&zeros, 30)]);
    let mut content = vec![0; 30 << 20];
    for number in 1..4_u8 {
        let copies = [copy(0, 15 << 20), copy(15 << 20, (15 << 20) - 1), insert(&[number])];
        base = pack.delta_at(base, &delta(base_size, base_size, &copies));
        *content.last_mut().unwrap() = number;
        names.push(object_name("blob", &content));
    }
    let entries = names.iter().enumerate();
    let tree: Vec<u8> = entries
        .flat_map(|(number, name)| tree_entry("100644", format!("{number}").as_bytes(), name))
        .collect();
    let world = world_with_pack(&mut pack, &tree);
    let (code, said, peak) = run_and_measure(&world);
    // The download got as far as the tree, which has no configuration.
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("mlc-ai/tiny is not an MLC model"), "{said}");
    assert!(peak < LIMIT / 2 + 2 * size, "{} MiB", peak / MIB);
}
