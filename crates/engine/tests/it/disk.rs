//! Reads files, and changes them without the knowledge of the engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// Returns the sizes of all files below a directory, by their relative paths; a missing directory has none.
pub(crate) fn list_files(dir: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::metadata(&path).unwrap().len());
            }
        }
    }
    found
}

/// Returns the first file whose relative path has the given prefix and suffix.
pub(crate) fn find_file(dir: &Path, prefix: &str, suffix: &str) -> PathBuf {
    let found = list_files(dir).into_keys().find(|name| name.starts_with(prefix) && name.ends_with(suffix));
    dir.join(found.expect("there is such a file"))
}

/// Writes a file and creates its parent directories.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Makes a file as old as if it was written so long ago.
pub(crate) fn set_age(path: &Path, age: Duration) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() - age).unwrap();
}

/// Copies all files of a directory.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    for name in list_files(from).into_keys() {
        write_file(&to.join(&name), fs::read(from.join(&name)).unwrap());
    }
}

/// Changes the contents of a JSON file.
pub(crate) fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = read_json(path);
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
