//! Places the files that a recorded scenario placed, with those of the replaying server in their stead.

use std::fs;
use std::path::{Path, PathBuf};

use super::message::Ids;

/// The number of copies of one segment in a step that exceeds the limit of an import.
const MANY: usize = 1025;

/// Copies files below the root of the server, and damages them as the recording describes.
///
/// # Panics
/// Panics if a file cannot be written.
pub(super) fn place(
    step: &str,
    copied: &[(String, String)],
    note: &str,
    ids: &Ids,
    roots: [&str; 2],
    broken: &mut Option<PathBuf>,
) {
    let [recorded_root, root] = roots;
    let path = |text: &str| PathBuf::from(ids.replace_in_text(&text.replace(recorded_root, root)));
    if step == "imports.many" {
        let Some((from, to)) = copied.first() else { return };
        let (from, to) = (path(from), path(to));
        let parent = to.parent().expect("a directory");
        (0..MANY).for_each(|number| copy(&from, &parent.join((100_000 + number).to_string())));
        return;
    }
    let is_directory = |(from, _): &&(String, String)| path(from).is_dir();
    for (from, to) in copied.iter().filter(is_directory) {
        copy(&path(from), &path(to));
        if step.starts_with("imports.broken") {
            *broken = Some(path(from));
            damage(&path(to), note);
        }
    }
    if step == "imports.broken.short_file"
        && let Some(from) = broken
    {
        let to = Path::new(root).join("staged/cutoff").join(from.file_name().expect("a segment"));
        copy(from, &to);
        let file = first_file(&to.join("0"));
        let content = fs::read(&file).expect("a file");
        fs::write(&file, &content[..content.len() / 2]).expect("a file");
    }
}

fn damage(segment: &Path, note: &str) {
    if let Some(directory) = note.strip_prefix("a segment, then without its directory ") {
        fs::remove_dir_all(segment.join(directory)).expect("a directory");
    } else if note == "a segment, then without all its directories" {
        fs::remove_dir_all(segment).expect("a directory");
        fs::create_dir_all(segment).expect("a directory");
    } else if note == "a segment with one file twice in directory 0" {
        let file = first_file(&segment.join("0"));
        fs::copy(&file, file.with_file_name("999999999999999999")).expect("a file");
    } else if note == "a segment beside a directory that is no number" {
        let stray = segment.with_file_name("notanumber");
        fs::create_dir_all(&stray).expect("a directory");
        fs::write(stray.join("1"), "x").expect("a file");
    }
}

fn first_file(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).min().expect("a file")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a file");
        }
    }
}
