//! Checks what git tracks.

use std::path::Path;

use crate::workspace::File;

const FOLDERS: [&str; 8] = [".cargo", ".ci", ".github", "crates", "docs", "packaging", "tests", "xtask"];

pub(super) fn check(files: &[File], machine_paths: &[String]) -> Vec<String> {
    let lock = files
        .iter()
        .all(|file| file.path != "Cargo.lock")
        .then(|| "Cargo.lock: git does not track it".to_owned());
    let folders = files.iter().filter_map(check_folder);
    let paths = files.iter().flat_map(|file| check_text(file, machine_paths));
    let mut complaints: Vec<String> = lock.into_iter().chain(folders).chain(paths).collect();
    complaints.dedup();
    complaints
}

fn check_folder(file: &File) -> Option<String> {
    let (folder, _) = file.path.split_once('/')?;
    (!FOLDERS.contains(&folder)).then(|| format!("{folder}/: no such folder is planned at the top"))
}

fn check_text(file: &File, machine_paths: &[String]) -> Vec<String> {
    let lines = (1_usize..).zip(file.text.lines());
    lines
        .filter_map(|(number, line)| {
            let found = machine_paths.iter().find(|path| has_path(line, path))?;
            Some(format!("{}:{number}: `{found}` means nothing on another machine", file.path))
        })
        .collect()
}

/// Whether the line contains the path; an absolute one must not be part of a longer name.
fn has_path(line: &str, path: &str) -> bool {
    if path.starts_with('.') {
        return line.contains(path);
    }
    let is_name = |c: char| c.is_alphanumeric() || "_-".contains(c);
    line.match_indices(path).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + path.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(|c| is_name(c) || "./~}".contains(c)) && !after.is_some_and(is_name)
    })
}

/// Text that names a path on this machine, or beside the workspace. Paths of one component (`/src`) are
/// left out, since they are too common.
pub(super) fn machine_paths(root: &Path) -> Vec<String> {
    let home = std::env::home_dir().map(|home| home.join(".cargo"));
    let beside = root.parent().map(|parent| parent.join("shared"));
    let absolute = [Some(root.to_path_buf()), beside, home].into_iter().flatten();
    let telling = absolute.filter(|path| path.components().count() > 2);
    [concat!("..", "/shared").to_owned()]
        .into_iter()
        .chain(telling.map(|path| path.display().to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[track_caller]
    fn check_with(extra: File, complaints: &[&str]) {
        let root = Path::new("/build/workspace");
        assert_eq!(check(&[file("Cargo.lock", ""), extra], &machine_paths(root)), complaints);
    }

    #[test]
    fn only_planned_folders() {
        check_with(file("README.md", ""), &[]);
        check_with(file("crates/examples/a.rs", ""), &[]);
        check_with(file("examples/a.rs", ""), &["examples/: no such folder is planned at the top"]);
    }

    #[test]
    fn no_path_of_the_machine() {
        check_with(file("docs/a.md", "see docs/b.md and ~/.cache\n"), &[]);
        check_with(
            file("docs/a.md", "x\nin /build/workspace/target\n"),
            &["docs/a.md:2: `/build/workspace` means nothing on another machine"],
        );
        let beside = concat!("..", "/shared");
        check_with(
            file("docs/a.md", &format!("{beside}/design.md")),
            &[&format!("docs/a.md:1: `{beside}` means nothing on another machine")],
        );
        check_with(
            file("docs/a.md", "/build/shared/x"),
            &["docs/a.md:1: `/build/shared` means nothing on another machine"],
        );
    }

    #[test]
    fn a_part_of_a_longer_name_is_no_path() {
        check_with(
            file("docs/a.md", "see x/build/workspace and ./build/workspace and /build/workspace-2\n"),
            &[],
        );
        assert_eq!(
            machine_paths(Path::new("/src")).iter().filter(|path| path.starts_with("/src")).count(),
            0
        );
    }

    #[test]
    fn the_lock_file_is_tracked() {
        assert_eq!(check(&[], &[]), ["Cargo.lock: git does not track it"]);
    }
}
