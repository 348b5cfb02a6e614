//! Looks at files, and changes them behind the engine's back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every file below a directory with its size, by its path below it.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, u64> {
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

/// The only file whose path below the directory begins and ends like this.
pub(crate) fn a_file(dir: &Path, begin: &str, end: &str) -> PathBuf {
    let found = files(dir).into_keys().find(|name| name.starts_with(begin) && name.ends_with(end));
    dir.join(found.expect("there is such a file"))
}

/// Writes a file, with the directories above it.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for name in files(from).into_keys() {
        write(&to.join(&name), fs::read(from.join(&name)).unwrap());
    }
}

/// Changes a JSON file in place.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = json(path);
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Reads a JSON file.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
