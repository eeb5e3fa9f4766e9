//! Other users of the machine: whatever they put into a cache that they own, nothing elsewhere that belongs
//! to the user is harmed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, RequestLog, Times};

use crate::world::{Cli, PATIENCE, Ran, Running, World, entry_in, files_below, is_in_pool, lay_out, until};

/// `nobody` on most systems.
const NEIGHBOUR: u32 = 65534;

/// Whether the tests can run as two users. `ci` sets a variable that makes it an error if not.
#[expect(clippy::print_stdout, reason = "says what is skipped")]
fn two_users() -> bool {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    #[expect(clippy::disallowed_methods, reason = "set by `cargo xtask ci`")]
    let must = std::env::var_os("MLC_WEIGHTS_TEST_TWO_USERS").is_some();
    assert!(is_root || !must, "these tests need root, to run as two users");
    if !is_root {
        println!("skipped: only root can run as two users");
    }
    is_root
}

/// Runs a shell command as the neighbour.
#[track_caller]
fn as_neighbour(line: &str) {
    let status = Command::new("sh").args(["-c", line]).uid(NEIGHBOUR).gid(NEIGHBOUR).status().unwrap();
    assert!(status.success(), "{line}");
}

/// A world whose cache home belongs to the neighbour.
fn foreign_world() -> (World, PublishedModel) {
    let (world, model) = World::with_tiny();
    open_to_others(&world);
    give_away(&world.home());
    (world, model)
}

fn open_to_others(world: &World) {
    fs::set_permissions(world.beside(""), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes the neighbour the owner of a folder and everything in it.
fn give_away(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let owner = format!("{NEIGHBOUR}:{NEIGHBOUR}");
    assert!(Command::new("chown").args(["-hR", &owner]).arg(folder).status().unwrap().success());
}

/// Files that must survive: old, and in folders with names that the cache itself uses.
fn precious(world: &World) -> PathBuf {
    let precious = world.beside("precious");
    for folder in
        ["", "1-a/tree", "runs/1-a/tree", "SLOT/runs/1-a/tree", "staging/SLOT/runs/1-a", "staging/SLOT/pool"]
    {
        let folder = precious.join(folder.replace("SLOT", SLOT));
        fs::create_dir_all(&folder).unwrap();
        for name in ["file", "alive", "+tmp-x"] {
            let file = fs::File::create(folder.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
        }
    }
    precious
}

const SLOT: &str = "mlc-ai+tiny";

/// Where a neighbour may plant a link, below `model_weights`.
const LEVELS: [&str; 13] = [
    ".mlc-weights",
    ".mlc-weights/locks",
    ".mlc-weights/locks/SLOT",
    ".mlc-weights/locks/SLOT+holder",
    ".mlc-weights/receipts",
    ".mlc-weights/receipts/SLOT.json",
    ".mlc-weights/staging",
    ".mlc-weights/staging/SLOT",
    ".mlc-weights/staging/SLOT/runs",
    ".mlc-weights/staging/SLOT/runs/1-b",
    ".mlc-weights/staging/SLOT/pool",
    ".mlc-weights/staging/SLOT/parts",
    "hf",
];

fn plant(world: &World, level: &str, target: &Path) -> PathBuf {
    let link = world.home().join("model_weights").join(level.replace("SLOT", SLOT));
    let (folder, name, target) = (link.parent().unwrap().display(), link.display(), target.display());
    as_neighbour(&format!("mkdir -p {folder} && rm -rf {name} && ln -s {target} {name}"));
    link
}

type Listing = BTreeMap<PathBuf, (u64, Option<Vec<u8>>)>;

fn listing(folder: &Path) -> Listing {
    let entry = |path: PathBuf| (path.clone(), (path.symlink_metadata().unwrap().ino(), fs::read(path).ok()));
    files_below(folder).into_iter().map(entry).collect()
}

/// The command succeeded, or named the link.
#[track_caller]
fn check_end(ran: &Ran, link: &Path, what: &str) {
    assert!(matches!(ran.status, Some(0 | 7)), "{what}: {:?} {}", ran.status, ran.stderr);
    if ran.status == Some(7) {
        assert!(ran.stderr.contains(&link.display().to_string()), "{what}: {}", ran.stderr);
        assert!(!ran.stderr.contains("/proc/"), "{what}: {}", ran.stderr);
    }
}

fn check_levels(command: &[&str], has_model: bool) {
    if !two_users() {
        return;
    }
    for level in LEVELS {
        let (world, model) = foreign_world();
        if has_model {
            lay_out(&model, &world.home().join("model_weights"));
            give_away(&world.home());
        }
        let precious = precious(&world);
        let link = plant(&world, level, &precious);
        let before = listing(&precious);
        let ran = world.cli(command).run();
        let what = format!("{} with a link at {level}", command.join(" "));
        assert_eq!(listing(&precious), before, "{what}");
        check_end(&ran, &link, &what);
    }
}

#[test]
fn a_prune_follows_no_planted_link() {
    check_levels(&["prune"], false);
}

#[test]
fn a_download_follows_no_planted_link() {
    check_levels(&["download", "HF://mlc-ai/tiny"], false);
}

#[test]
fn a_removal_follows_no_planted_link() {
    check_levels(&["remove", "mlc-ai/tiny"], true);
}

/// Without links, a cache that belongs to another user works like any other.
#[test]
fn a_foreign_home_is_used() {
    if !two_users() {
        return;
    }
    let (world, model) = foreign_world();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!(world.cli(&["verify", "mlc-ai/tiny"]).run().status, Some(0));
    assert_eq!(world.cli(&["prune"]).run().status, Some(0));
    assert_eq!(world.cli(&["remove", "mlc-ai/tiny"]).run().status, Some(0));
    assert!(!world.entry(&model).exists());
}

/// The folder of the run is replaced by a link during the download.
#[test]
fn a_link_that_is_planted_during_a_download_is_not_followed() {
    if two_users() {
        check_planted_during(&FaultTarget::upload_pack("mlc-ai/tiny"));
        check_planted_during(&FaultTarget::data("params_shard_0.bin"));
    }
}

#[track_caller]
fn check_planted_during(request: &FaultTarget) {
    let (world, model) = foreign_world();
    let precious = precious(&world);
    let staging = world.home().join("model_weights/.mlc-weights/staging").join(SLOT);
    as_neighbour(&format!("mkdir -p {}", staging.join("runs").display()));
    let (download, hold) = start_held_at(&world, world.cli(&["download", &model.url]), request);
    let id = download.id();
    let run = fs::read_dir(staging.join("runs")).unwrap().next().unwrap().unwrap().file_name();
    // Includes the folders of a run, so that anything done by path would succeed there.
    let (run, aside) = (staging.join("runs").join(run), staging.join("runs/aside"));
    for name in ["tree", "parts", "scratch"] {
        fs::create_dir_all(precious.join(name)).unwrap();
        fs::write(precious.join(name).join("file"), "kept").unwrap();
    }
    let before = listing(&precious);
    as_neighbour(&format!(
        "mv {run} {aside} && ln -s {} {run}",
        precious.display(),
        run = run.display(),
        aside = aside.display()
    ));
    hold.release();
    let ran = download.end();
    assert_eq!(listing(&precious), before, "{}", ran.stderr);
    check_end(&ran, &run, "a download");
    assert_eq!(ran.status, Some(7));
    let left = ["/tmp", "/var/tmp"]
        .map(|folder| fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>());
    let scratch = format!(".mlc-weights-scratch-{id}-");
    let is_ours = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&scratch);
    assert!(!left.iter().flatten().any(is_ours), "scratch space is left");
}

/// Starts a download and waits until it is held at a request.
#[track_caller]
fn start_held_at(world: &World, download: Cli, request: &FaultTarget) -> (Running, Hold) {
    let hold = Hold::new();
    world.hub.fault(request.clone(), Fault::Hold(hold.clone()), Times::Once);
    let running = download.start();
    let is_held = |log: &RequestLog| log.requests().iter().any(|request| request.fault.is_some());
    assert!(world.hub.log().wait_until(PATIENCE, is_held));
    (running, hold)
}

/// A neighbour may hold the file open, so the user gets their own copy.
#[test]
fn a_file_of_another_user_is_copied_and_not_linked() {
    if !two_users() {
        return;
    }
    let (world, model) = World::with_tiny();
    open_to_others(&world);
    let entry = lay_out(&model, &world.home().join("model_weights"));
    fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    give_away(&entry);
    let old = fs::metadata(entry.join("params_shard_1.bin")).unwrap();
    assert_eq!(old.uid(), NEIGHBOUR);
    world.download(&model);
    for file in files_below(&entry) {
        let found = fs::metadata(&file).unwrap();
        assert_eq!((found.uid(), found.nlink()), (0, 1), "{}", file.display());
    }
    assert_eq!(model.differences(&entry), [""; 0]);
}

/// Shards may be on another disk behind the user's own link, but a neighbour's link is not followed.
#[test]
fn a_link_above_a_model_is_followed_if_it_is_the_users_own() {
    if !two_users() {
        return;
    }
    for is_own in [true, false] {
        let (world, model) = World::with_tiny();
        open_to_others(&world);
        let (hf, disk) = (world.home().join("model_weights/hf"), world.beside("disk"));
        fs::create_dir_all(hf.parent().unwrap()).unwrap();
        fs::create_dir(&disk).unwrap();
        std::os::unix::fs::symlink(&disk, &hf).unwrap();
        if is_own {
            world.download(&model);
            assert!(disk.join("mlc-ai/tiny").is_dir());
            assert_eq!(world.cli(&["remove", "mlc-ai/tiny"]).run().status, Some(0));
        } else {
            std::os::unix::fs::lchown(&hf, Some(NEIGHBOUR), None).unwrap();
            let words = ["is a symbolic link of another user", &hf.display().to_string()];
            world.cli(&["download", &model.url]).run().check_failure(7, &words);
            fs::create_dir_all(disk.join("mlc-ai/tiny")).unwrap();
            world.cli(&["remove", "mlc-ai/tiny"]).run().check_failure(7, &words);
            assert!(disk.join("mlc-ai/tiny").is_dir());
        }
    }
}

/// The same program with another umask.
fn with_umask(cli: Cli, mask: &str) -> Cli {
    let program = cli.command;
    let mut command = Command::new("/bin/sh");
    command.env_clear().args(["-c", &format!("umask {mask}; exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Cli { command }
}

/// A copy of the program that other users may execute.
fn copied_program(world: &World, arguments: &[&str]) -> Cli {
    let program = world.beside("program");
    if !program.exists() {
        // `cp` makes the copy: if this process wrote it, a child of another test might inherit the open
        // file, and then it could not be executed.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mlc-weights")).arg(&program).status();
        assert!(copied.unwrap().success());
    }
    let cli = world.cli(arguments);
    let mut command = Command::new(&program);
    command.args(arguments);
    command.envs(cli.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Cli { command }
}

/// The cache was filled by root, or by a user without a name, and others may only read it.
#[test]
fn a_cache_owned_by_another_user_is_reported_as_theirs() {
    if !two_users() {
        return;
    }
    let (world, model) = World::with_tiny();
    open_to_others(&world);
    let other = world.hub.publish(&ModelFixture::new("mlc-ai/other"));
    world.download(&model);
    let neighbour = |arguments: &[&str]| {
        let mut cli = copied_program(&world, arguments);
        cli.command.uid(NEIGHBOUR).gid(NEIGHBOUR).current_dir("/");
        cli
    };
    let refused = |ran: &Ran, owner: &str| {
        ran.check_failure(7, &["Permission denied", &format!(" belongs to the user {owner}\n")]);
    };
    let check = |ran: &Ran, owner: &str| {
        refused(ran, owner);
        ran.check_failure(7, &["MLC_LLM_HOME", "MLC_LLM_READONLY_WEIGHT_CACHE"]);
    };
    let models = world.home().join("model_weights");
    check(&neighbour(&["download", &other.url]).run(), "root");
    refused(&neighbour(&["remove", "mlc-ai/tiny"]).run(), "root");
    // Others may add models here, but the private folder belongs to root.
    for folder in ["", "hf"] {
        fs::set_permissions(models.join(folder), PermissionsExt::from_mode(0o777)).unwrap();
    }
    check(&neighbour(&["download", &other.url]).run(), "root");
    let owner = "64003";
    assert!(Command::new("chown").args(["-R", owner]).arg(world.home()).status().unwrap().success());
    check(&neighbour(&["download", &other.url]).run(), "with the ID 64003");

    // Both suggestions work.
    let own = world.beside("own");
    fs::create_dir(&own).unwrap();
    give_away(&own);
    let with_both = |arguments: &[&str]| {
        neighbour(arguments).env("MLC_LLM_HOME", &own).env("MLC_LLM_READONLY_WEIGHT_CACHE", &models)
    };
    with_both(&["download", &model.url]).run().check_path(&world.entry(&model));
    let ran = with_both(&["download", &other.url]).run();
    ran.check_path(&entry_in(&own.join("model_weights"), &other));
}

/// A group that both users are in.
const GROUP: u32 = 64_000;

/// Two members of a group resume each other's downloads, and remove and repair each other's models.
#[test]
fn a_home_that_a_group_shares_is_everybodys_in_it() {
    if !two_users() {
        return;
    }
    let (world, model) = World::with_tiny();
    open_to_others(&world);
    let line =
        format!("mkdir {home} && chgrp {GROUP} {home} && chmod 2775 {home}", home = world.home().display());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    let member = |user: u32, arguments: &[&str]| {
        let mut cli = with_umask(copied_program(&world, arguments), "002");
        cli.command.uid(user).gid(GROUP).current_dir(world.beside(""));
        cli
    };
    let target = FaultTarget::data("params_shard_1.bin");
    let (download, hold) =
        start_held_at(&world, member(64_001, &["download", "-j", "1", &model.url]), &target);
    until(|| is_in_pool(&world.home(), &model, "params_shard_0.bin"));
    download.signal("KILL");
    download.end();
    hold.release();
    let later = world.hub.log().from_now();
    member(64_002, &["download", &model.url]).run().check_path(&world.entry(&model));
    assert!(later.data().file("params_shard_0.bin").is_empty(), "it was there");
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);

    fs::remove_file(world.entry(&model).join("params_shard_0.bin")).unwrap();
    member(64_001, &["download", &model.url]).run().check_path(&world.entry(&model));
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    let old = SystemTime::now() - Duration::from_secs(3600);
    for file in files_below(&world.home().join("model_weights/.mlc-weights")) {
        fs::File::open(&file).unwrap().set_modified(old).unwrap();
    }
    let pruned = member(64_002, &["prune"]).run();
    assert_eq!(pruned.status, Some(0), "{}", pruned.stderr);
    let staging = world.home().join("model_weights/.mlc-weights/staging");
    assert_eq!(files_below(&staging), [] as [PathBuf; 0], "{}", pruned.stderr);
    let removed = member(64_002, &["remove", "mlc-ai/tiny"]).run();
    assert_eq!(removed.status, Some(0), "{}", removed.stderr);
}

/// No private file is world-writable, whatever the umask. Private files are group-writable if the umask
/// allows it.
#[test]
fn private_files_are_at_most_the_groups_to_write() {
    for (mask, group_writes) in [("000", true), ("002", true), ("022", false)] {
        let (world, model) = World::with_tiny();
        let hold = Hold::new();
        world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
        let download = with_umask(world.cli(&["download", &model.url]), mask);
        let running = download.start();
        assert!(world.hub.log().data().wait_until(PATIENCE, |log| log.count() > 0));
        running.signal("KILL");
        running.end();
        hold.release();
        let private = world.home().join("model_weights/.mlc-weights");
        let mut all = files_below(&private);
        all.extend(
            files_below(&private)
                .iter()
                .flat_map(|file| file.ancestors().map(Path::to_owned).collect::<Vec<_>>()),
        );
        let modes = all.into_iter().filter(|path| path.starts_with(&private)).map(|path| {
            let mode = fs::symlink_metadata(&path).unwrap().mode();
            (path, mode)
        });
        let mut groups = 0;
        for (path, mode) in modes {
            assert_eq!(mode & 0o002, 0, "umask {mask}: {} is {mode:o}", path.display());
            groups += u32::from(mode & 0o020 != 0);
        }
        assert_eq!(groups > 0, group_writes, "umask {mask}");
    }
}

/// A scratch folder outside the cache is removed with the run that it belongs to; nothing else there is.
#[test]
fn scratch_space_elsewhere_is_removed_by_the_next_run() {
    for command in [vec!["prune"], vec!["download", "HF://mlc-ai/tiny"], vec!["remove", "mlc-ai/tiny"]] {
        let (world, model) = World::with_tiny();
        let temporary = world.beside("tmp");
        fs::create_dir_all(temporary.join("mine")).unwrap();
        let download = world.cli(&["download", &model.url]).env("MLC_TEMP_DIR", &temporary);
        let (download, hold) = start_held_at(&world, download, &FaultTarget::upload_pack("mlc-ai/tiny"));
        download.signal("KILL");
        download.end();
        hold.release();
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 2, "the scratch folder is left");
        let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
        for path in files_below(&world.home()) {
            fs::File::open(&path).unwrap().set_modified(an_hour_ago).unwrap();
        }
        let ran = world.cli(&command).run();
        assert_eq!(ran.status, Some(0), "{command:?}: {}", ran.stderr);
        assert_eq!(files_below(&temporary), [temporary.join("mine")], "{command:?}");
    }
}
