//! Changing the configuration: a file is replaced as a whole, keeps its mode and owner, and is as it was
//! if anything fails. Never changes what somebody else has changed meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::error::Fault;

/// The largest configuration that is changed, in bytes; no larger one is read either.
const LARGEST: u64 = 1024 * 1024;

/// A change of one file, begun and not yet made. Two of them at a time are not begun.
pub(super) struct Edit {
    /// The file itself, whatever links lead to it.
    file: PathBuf,
    before: String,
    /// Beside it, until it takes its place.
    new: PathBuf,
    out: File,
    /// Whether it has: what stands beside the file now is somebody else's.
    is_done: bool,
}

impl Edit {
    /// Begins to change the file at `path`.
    pub(super) fn begin(path: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| cannot(path, &error);
        let file = path.canonicalize().map_err(|error| {
            let fault = cannot(path, &error);
            match error.kind() {
                io::ErrorKind::NotFound => fault
                    .hint("begin it with `public_url` and `domain` in [cookie]; or name it with `--config`"),
                _ => fault,
            }
        })?;
        is_safe(&file)?;
        let mut name = std::ffi::OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(".new");
        let new = file.with_file_name(name);
        let out =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(|error| {
                let fault = cannot(&new, &error);
                match error.kind() {
                    io::ErrorKind::AlreadyExists => fault.hint(
                        "another change is under way; if there is none, one was cut off: remove that file",
                    ),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        fault.hint("run this where that folder can be written, and as somebody who may")
                    }
                    _ => fault,
                }
            })?;
        let mut edit = Self { file, before: String::new(), new, out, is_done: false };
        let about = fs::metadata(&edit.file).map_err(failed)?;
        if !about.is_file() || about.len() > LARGEST {
            return Err(Fault::new("this is no configuration").at(path, None));
        }
        edit.before = fs::read_to_string(&edit.file).map_err(failed)?;
        edit.keep_as(&about).map_err(|error| {
            Fault::new(format!("its owner and mode cannot be kept: {error}"))
                .hint("run this as the owner of the file, or as root")
                .at(path, None)
        })?;
        Ok(edit)
    }

    /// Gives what will take its place the same owner and mode.
    fn keep_as(&self, about: &fs::Metadata) -> io::Result<()> {
        let ours = self.out.metadata()?;
        if (ours.uid(), ours.gid()) != (about.uid(), about.gid()) {
            fchown(&self.out, Some(about.uid()), Some(about.gid()))?;
        }
        // After the owner, whose change takes bits of the mode away.
        self.out.set_permissions(about.permissions())
    }

    /// What stands in the file.
    pub(super) fn before(&self) -> &str {
        &self.before
    }

    /// Puts `text` in the place of what stands there.
    pub(super) fn finish(mut self, text: &str) -> Result<(), Fault> {
        if text.len() as u64 > LARGEST {
            let fault = Fault::new(format!("would be longer than {LARGEST} bytes: nothing was written"));
            return Err(fault
                .hint("apps can stand in files of their own: see `include`")
                .at(&self.file, None));
        }
        let failed = |file: &Path| {
            let file = file.to_path_buf();
            move |error: io::Error| cannot(&file, &error)
        };
        self.out.write_all(text.as_bytes()).map_err(failed(&self.new))?;
        self.out.sync_all().map_err(failed(&self.new))?;
        if fs::read_to_string(&self.file).map_err(failed(&self.file))? != self.before {
            let fault =
                Fault::new("somebody else changed it meanwhile: nothing was written").hint("try again");
            return Err(fault.at(&self.file, None));
        }
        fs::rename(&self.new, &self.file).map_err(failed(&self.file))?;
        self.is_done = true;
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        if !self.is_done {
            let _gone = fs::remove_file(&self.new);
        }
    }
}

/// Whoever owns a folder can put something else in the place of its files at any moment: root does not follow.
fn is_safe(file: &Path) -> Result<(), Fault> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let owner = fs::metadata(folder).map_err(|error| cannot(folder, &error))?.uid();
    let ours = rustix::process::geteuid().as_raw();
    if owner == ours || owner == 0 {
        return Ok(());
    }
    Err(Fault::new("this folder belongs to somebody else, who could have another file changed")
        .hint("run this as the owner of the folder")
        .at(folder, None))
}

fn cannot(file: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("cannot be changed: {error}")).at(file, None)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_behind_its_link_with_the_mode_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.toml"), folder.path().join("aegis.toml"));
        fs::write(&file, "a = 1\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("real.toml", &link).unwrap();
        let edit = Edit::begin(&link).unwrap();
        assert_eq!(edit.before(), "a = 1\n");
        edit.finish("a = 2\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = 2\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is replaced");
        assert_eq!(names(folder.path()), ["aegis.toml", "real.toml"]);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aegis.toml");
        fs::write(&file, "a = 1\n").unwrap();
        let edit = Edit::begin(&file).unwrap();
        let second = Edit::begin(&file).err().expect("two at a time").to_string();
        assert!(second.contains("another change is under way"), "{second}");
        drop(edit);
        let edit = Edit::begin(&file).unwrap();
        fs::write(&file, "a = 1\nb = 2\n").unwrap();
        let meanwhile = edit.finish("a = 3\n").unwrap_err().to_string();
        assert!(meanwhile.contains("somebody else changed it meanwhile"), "{meanwhile}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = 1\nb = 2\n");
        assert_eq!(names(folder.path()), ["aegis.toml"]);
        let missing = Edit::begin(&folder.path().join("no.toml")).err().expect("no file").to_string();
        assert!(missing.contains("hint: begin it with `public_url`"), "{missing}");
    }
}
