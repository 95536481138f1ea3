//! Writing files: locks, modes, links, and errors.

#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use flynn_config::{CaFiles, Error, ErrorKind, FlynnRc, GitConfig, NewCluster, write_file};

fn add(path: &Path, name: &str) -> Result<(), Error> {
    let new = NewCluster::from_domain(name, &format!("{name}.test"), "key", "pin");
    FlynnRc::edit(path, |rc| rc.add(&new))
}

fn set(path: &Path, value: &str) -> Result<(), Error> {
    GitConfig::edit(path, |git| git.set("user.name", value))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

type Write = fn(&Path, &str) -> Result<(), Error>;

/// Both ways to write, each with a separate path.
fn both(dir: &Path) -> [(PathBuf, Write); 2] {
    [(dir.join(".flynnrc"), add), (dir.join(".gitconfig"), set)]
}

/// Returns the files in a folder, except the lock file of the `.flynnrc`.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != ".flynnrc.lock").collect();
    names.sort();
    names
}

#[test]
fn new_files_are_private_and_old_ones_keep_their_mode() {
    let dir = tempfile::tempdir().unwrap();
    for (path, write) in both(dir.path()) {
        write(&path, "a").unwrap();
        assert_eq!(mode(&path), 0o600);
        for kept in [0o644, 0o640, 0o600] {
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            write(&path, &format!("m{kept}")).unwrap();
            assert_eq!(mode(&path), kept);
        }
    }
    assert_eq!(names(dir.path()), [".flynnrc", ".gitconfig"]);
    // A user who can read a lock file can hold the lock.
    assert_eq!(mode(&dir.path().join(".flynnrc.lock")), 0o600);
}

#[test]
fn others_who_can_read_the_keys_are_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".flynnrc");
    add(&path, "a").unwrap();
    assert!(!FlynnRc::load(&path).unwrap().is_readable_by_others());
    for open in [0o644, 0o640, 0o604] {
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        assert!(FlynnRc::load(&path).unwrap().is_readable_by_others());
    }
}

#[test]
fn links_are_followed_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let dotfiles = dir.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    for (path, write) in both(dir.path()) {
        let name = path.file_name().unwrap();
        let middle = dir.path().join("middle").join(name);
        fs::create_dir_all(middle.parent().unwrap()).unwrap();
        symlink(Path::new("../dotfiles").join(name), &middle).unwrap();
        symlink(Path::new("middle").join(name), &path).unwrap();
        write(&path, "new").unwrap();
        for link in [&path, &middle] {
            assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        }
        assert!(fs::read_to_string(dotfiles.join(name)).unwrap().contains("new"));
    }
    assert_eq!(names(&dotfiles), [".flynnrc", ".gitconfig"]);
    assert_eq!(names(dir.path()), [".flynnrc", ".gitconfig", "dotfiles", "middle"]);
}

#[test]
fn links_in_a_circle_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    symlink("b", &path).unwrap();
    symlink("a", dir.path().join("b")).unwrap();
    assert!(add(&path, "x").unwrap_err().to_string().contains("symbolic links"));
}

/// The other name of a hard link keeps the old content, as with git.
#[test]
fn hard_links_are_broken() {
    let dir = tempfile::tempdir().unwrap();
    for (path, write) in both(dir.path()) {
        write(&path, "one").unwrap();
        let other = path.with_extension("other");
        fs::hard_link(&path, &other).unwrap();
        let old = fs::read(&other).unwrap();
        write(&path, "two").unwrap();
        assert_eq!(fs::read(&other).unwrap(), old);
        assert_ne!(fs::read(&path).unwrap(), old);
    }
}

#[test]
fn nothing_is_written_when_nothing_changes_or_the_closure_fails() {
    let dir = tempfile::tempdir().unwrap();
    for (path, write) in both(dir.path()) {
        write(&path, "a").unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        let same = |_: &mut _| Ok::<(), Error>(());
        FlynnRc::edit(dir.path().join(".flynnrc"), same).unwrap();
        set(&dir.path().join(".gitconfig"), "a").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    }
    let path = dir.path().join(".flynnrc");
    let before = fs::read(&path).unwrap();
    let refused: Result<(), Box<dyn std::error::Error>> = FlynnRc::edit(&path, |rc| {
        rc.remove("a")?;
        Err("no".into())
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(fs::read(&path).unwrap(), before);
    let missing = dir.path().join("missing");
    FlynnRc::edit(&missing, |_| Ok::<(), Error>(())).unwrap();
    assert!(!missing.exists());
}

#[test]
fn what_cannot_be_written_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    for (path, write) in both(dir.path()) {
        write(&path, "a").unwrap();
        let before = fs::read(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        let error = write(&path, "b").unwrap_err();
        assert!(error.is_read_only(), "{error}");
        assert!(error.to_string().ends_with("the file is read-only"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        let error = write(&dir.path().join("no/folder"), "b").unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert!(error.to_string().contains("does not exist"), "{error}");
        let error = write(dir.path(), "b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(names(dir.path()), [".flynnrc", ".gitconfig"], "debris");
}

/// A broken file is never overwritten.
#[test]
fn what_cannot_be_read_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    for (path, write) in both(dir.path()) {
        for broken in [&b"[[[\n"[..], b"\"\xff\n", b"\xff\xfe[\0a\0]\0"] {
            fs::write(&path, broken).unwrap();
            let error = write(&path, "b").unwrap_err();
            assert!(error.is_syntax() && error.line() == Some(1), "{error}");
            assert_eq!(error.path(), Some(&*path));
            assert_eq!(fs::read(&path).unwrap(), broken);
        }
    }
}

/// An edit waits for a held lock. A lock of git is reported with its path and age, and is never broken.
#[test]
fn held_locks() {
    let dir = tempfile::tempdir().unwrap();
    let rc = dir.path().join(".flynnrc");
    let git = dir.path().join(".gitconfig");
    let lock = File::create(dir.path().join(".flynnrc.lock")).unwrap();
    lock.lock().unwrap();
    let stale = dir.path().join(".gitconfig.lock");
    fs::write(&stale, "").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| add(&rc, "a").unwrap_err());
        let error = set(&git, "a").unwrap_err();
        assert!(error.is_locked());
        assert_eq!(error.path(), Some(&*stale));
        let message = error.to_string();
        assert!(message.contains("seconds ago") && message.contains("remove"), "{message}");
        assert!(waiting.join().unwrap().is_locked());
    });
    assert!(stale.exists() && !rc.exists());
    lock.unlock().unwrap();
    fs::remove_file(&stale).unwrap();
    add(&rc, "a").unwrap();
    set(&git, "a").unwrap();
}

/// A limit on file sizes simulates a full disk: the write fails in the middle.
#[test]
fn a_full_disk_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(home) = std::env::var_os("FLYNN_TEST_FULL_DISK") {
        // The child process, which may write files of one block.
        for (path, write) in both(Path::new(&home)) {
            let error = write(&path, &"b".repeat(80)).unwrap_err();
            println!("{error}");
        }
        return;
    }
    for (path, _) in both(dir.path()) {
        fs::write(&path, format!("# {}\n", "long ".repeat(1000))).unwrap();
    }
    let before: Vec<_> = both(dir.path()).map(|(path, _)| fs::read(path).unwrap()).into();
    let test = "save::a_full_disk_leaves_the_old_file";
    let script = format!("trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact --nocapture {test}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("FLYNN_TEST_FULL_DISK", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("the disk is full; the old file is unchanged").count(), 2, "{said}");
    let after: Vec<_> = both(dir.path()).map(|(path, _)| fs::read(path).unwrap()).into();
    assert_eq!(before, after);
    assert_eq!(names(dir.path()), [".flynnrc", ".gitconfig"], "debris");
}

/// The temporary file of a killed process contains keys, so the next writer removes it.
#[test]
fn what_a_killed_writer_left_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let left = at(".flynnrc.flynn-config-AbC123.tmp");
    fs::write(&left, "Key = \"k\"").unwrap();
    let foreign = [".flynnrc.tmp", ".flynnrc.backup.tmp", ".flynnrc.flynn-config-backup2.tmp"];
    for name in foreign {
        fs::write(at(name), "precious").unwrap();
    }
    let folder = at(".flynnrc.flynn-config-folder.tmp");
    let link = at(".flynnrc.flynn-config-a1link.tmp");
    fs::create_dir(&folder).unwrap();
    symlink(at(".flynnrc.tmp"), &link).unwrap();
    add(&at(".flynnrc"), "a").unwrap();
    assert!(!left.exists());
    assert!(foreign.iter().all(|name| at(name).exists()) && folder.exists() && link.exists());
}

/// Devices and pipes are refused: a rename would replace a device, and a pipe never ends.
#[test]
fn only_regular_files_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = dir.path().join("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = dir.path().join("link.pem");
    symlink(&pipe, &link).unwrap();
    for write in [add, set] {
        for odd in [&pipe, &socket, &link] {
            let error = write(odd, "a").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert_eq!(error.path(), Some(&**odd));
            assert!(!fs::metadata(odd).unwrap().is_file());
        }
    }
    let error = CaFiles::new(dir.path()).write("link", "pem").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(names(dir.path()), ["link.pem", "pipe", "socket"], "locks");
    // `GIT_CONFIG_GLOBAL=/dev/null` means that there is no file.
    assert_eq!(GitConfig::load("/dev/null").unwrap().entries().count(), 0);
    assert!(FlynnRc::load("/dev/null").unwrap().clusters().is_empty());
}

#[cfg(target_os = "linux")]
const NOBODY: u32 = 65534;

/// Runs one test again, in a separate process that does not run as root, on `dir` and what is in it. A root
/// without any other user, as in some containers, cannot.
#[cfg(target_os = "linux")]
fn without_privileges(test: &str, dir: &Path) {
    use std::os::unix::process::CommandExt as _;

    let mut child = Command::new("/proc/self/exe");
    if fs::metadata(dir).unwrap().uid() == 0 {
        if std::os::unix::fs::chown(dir, Some(NOBODY), None).is_err() {
            return;
        }
        child.uid(NOBODY).gid(NOBODY);
    }
    let output =
        child.args(["--exact", test]).current_dir(dir).env("FLYNN_TEST_DIR", dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A folder that may be written but not read cannot be flushed. The rename is complete before that error.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_read() {
    if let Some(dir) = std::env::var_os("FLYNN_TEST_DIR") {
        for (path, write) in both(Path::new(&dir)) {
            write(&path, "new").unwrap();
            assert!(fs::read_to_string(&path).unwrap().contains("new"));
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o300)).unwrap();
    without_privileges("save::a_folder_that_cannot_be_read", dir.path());
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
}

/// After root has edited a file, its owner can still edit it.
#[cfg(target_os = "linux")]
#[test]
fn a_lock_that_root_makes() {
    use std::os::unix::fs::chown;

    let dir = tempfile::tempdir().unwrap();
    if chown(dir.path(), Some(NOBODY), None).is_err() {
        return;
    }
    let (path, lock) = (dir.path().join(".flynnrc"), dir.path().join(".flynnrc.lock"));
    add(&path, "a").unwrap();
    assert_eq!(fs::metadata(&lock).unwrap().uid(), NOBODY);
}

/// The lock file of another user can be used if it is readable.
#[cfg(target_os = "linux")]
#[test]
fn a_lock_of_another_user() {
    if let Some(dir) = std::env::var_os("FLYNN_TEST_DIR") {
        let lock = Path::new(&dir).join("shut.lock");
        let error = add(&lock.with_extension(""), "a").unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::ReadOnly, Some(&*lock)));
        assert!(error.to_string().contains("belongs to another user"), "{error}");
        return add(&Path::new(&dir).join("open"), "a").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, mode) in [("shut.lock", 0o000), ("open.lock", 0o444)] {
        let lock = dir.path().join(name);
        fs::write(&lock, "").unwrap();
        fs::set_permissions(&lock, Permissions::from_mode(mode)).unwrap();
    }
    without_privileges("save::a_lock_of_another_user", dir.path());
}

#[test]
fn ca_files() {
    let dir = tempfile::tempdir().unwrap();
    let files = CaFiles::new(dir.path().join("ca-certs"));
    let empty = FlynnRc::parse("").unwrap();
    assert!(files.stale(&empty).unwrap().is_empty());
    let path = files.write("prod", "one").unwrap();
    assert_eq!(path, files.path("prod").unwrap());
    assert_eq!(mode(&path), 0o644);
    let inode = fs::metadata(&path).unwrap().ino();
    files.write("prod", "one").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "written without need");
    files.write("prod", "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    // A link stays, even if its target does not exist yet.
    let elsewhere = dir.path().join("elsewhere.pem");
    symlink(&elsewhere, files.path("linked").unwrap()).unwrap();
    for content in ["new", "old"] {
        let link = files.write("linked", content).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), content);
    }
    assert_eq!(mode(&elsewhere), 0o644);
    assert!(files.remove("linked").unwrap() && elsewhere.exists());
    files.write("gone", "x").unwrap();
    fs::write(files.dir().join("notes.txt"), "").unwrap();
    let rc = FlynnRc::parse("[[cluster]]\nName = \"prod\"\n").unwrap();
    assert_eq!(files.stale(&rc).unwrap(), [files.path("gone").unwrap()]);
    assert!(files.remove("gone").unwrap() && !files.remove("gone").unwrap());
    for outside in ["", ".", "..", "../x", "a/b", r"a\b", "C:x", "a\0", &"n".repeat(300)] {
        assert_eq!(files.write(outside, "x").unwrap_err().kind(), ErrorKind::Invalid, "{outside}");
    }
}

/// The temporary files that killed writers left for a document are removed. Files with similar names stay.
#[test]
fn a_document_is_written_in_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.json");
    for left in ["plan.json.flynn-config-AbC123.tmp", "other.json.flynn-config-AbC123.tmp"] {
        fs::write(dir.path().join(left), "half of a pl").unwrap();
    }
    write_file(&path, "a plan\n").unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("a plan\n", 0o644));
    assert_eq!(names(dir.path()), ["other.json.flynn-config-AbC123.tmp", "plan.json"]);

    let link = dir.path().join("link");
    symlink("plan.json", &link).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    write_file(&link, "another").unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("another", 0o600));
    assert!(link.is_symlink());

    let missing = write_file(dir.path().join("missing/plan.json"), "x").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(write_file(dir.path(), "x").unwrap_err().kind(), ErrorKind::Invalid);
}

/// The temporary file of a running writer is not mistaken for a leftover.
#[test]
fn writers_of_one_document_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.json");
    std::thread::scope(|scope| {
        for text in ["one", "two", "three", "four"] {
            let path = &path;
            scope.spawn(move || (0..50).for_each(|_| write_file(path, text).unwrap()));
        }
    });
    assert_eq!(names(dir.path()), ["plan.json"]);
}
