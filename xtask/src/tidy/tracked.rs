//! What git tracks.

use std::path::Path;

use crate::workspace::File;

const FOLDERS: [&str; 6] = [".cargo", ".ci", "crates", "docs", "tests", "xtask"];

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
            let found = machine_paths.iter().find(|path| line.contains(path.as_str()))?;
            Some(format!("{}:{number}: `{found}` means nothing on another machine", file.path))
        })
        .collect()
}

/// Text that names a place on this machine, or beside the workspace.
pub(super) fn machine_paths(root: &Path) -> Vec<String> {
    let beside = concat!("..", "/shared").to_owned();
    let home = std::env::home_dir().map(|home| format!("{}/.", home.display()));
    let shared = root.parent().map(|parent| parent.join("shared").display().to_string());
    [beside, root.display().to_string()].into_iter().chain(home).chain(shared).collect()
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
    fn the_lock_file_is_tracked() {
        assert_eq!(check(&[], &[]), ["Cargo.lock: git does not track it"]);
    }
}
