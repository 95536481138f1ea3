//! Paths may name only regular files of bounded size, and nothing that hangs or fills the
//! memory.

#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use flynn_config::login::Tokens;
use flynn_config::{
    CaFiles, Error, ErrorKind, FlynnRc, GitConfig, Includes, MAX_FILE_SIZE, NewCluster, read_file,
    write_file,
};

fn add(path: &Path) -> Result<(), Error> {
    FlynnRc::edit(path, |rc| rc.add(&NewCluster::from_domain("a", "a.test", "key", "pin")))
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Every way to read a file.
fn readers(path: &Path) -> Vec<(&'static str, Error)> {
    let included = path.with_extension("including");
    let line = format!("[include]\n\tpath = {}\n", path.display());
    fs::write(&included, line).unwrap();
    let git_dir = path.with_extension("git");
    fs::create_dir_all(&git_dir).unwrap();
    let mut errors = vec![
        ("flynnrc", FlynnRc::load(path).map(drop).unwrap_err()),
        ("gitconfig", GitConfig::load(path).map(drop).unwrap_err()),
        ("include", GitConfig::load(&included).map(drop).unwrap_err()),
        ("plan", {
            let plan = |git: &mut flynn_config::GitConfigEdit| {
                git.plan("https://git.a.test", flynn_config::BlockChange::DropCa).map(drop)
            };
            GitConfig::edit(&included, plan).unwrap_err()
        }),
        ("file", read_file(path).map(drop).unwrap_err()),
    ];
    fs::remove_file(&included).unwrap();
    let tokens = path.parent().unwrap().join("tokens");
    let cache = tokens.join("a/flynn-cli.json");
    fs::create_dir_all(cache.parent().unwrap()).unwrap();
    symlink(path, &cache).unwrap();
    let rc = FlynnRc::parse("[[cluster]]\nName = \"a\"\nControllerURL = \"https://c\"\n").unwrap();
    errors.push(("token", Tokens::new(&tokens).auth(&rc.clusters()[0]).map(drop).unwrap_err()));
    fs::remove_dir_all(&tokens).unwrap();
    errors
}

#[test]
fn pipes_devices_sockets_and_folders_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let [pipe, socket, folder] = ["pipe", "socket", "folder"].map(|name| dir.path().join(name));
    fifo(&pipe);
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::create_dir(&folder).unwrap();
    for (path, name) in [
        (Path::new("/dev/zero"), "a device"),
        (&pipe, "a named pipe"),
        (&socket, "a socket"),
        (&folder, "a folder"),
    ] {
        let link = dir.path().join("link");
        symlink(path, &link).unwrap();
        for (reader, error) in readers(&link) {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{reader}: {error}");
            let text = error.to_string();
            assert!(
                text.contains(&format!("it is {name}, not a regular file")),
                "{reader}: {text}"
            );
        }
        fs::remove_file(&link).unwrap();
    }
}

#[test]
fn a_file_has_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    // A sparse file, which takes no space on the disk.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for (reader, error) in readers(&path) {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{reader}: {error}");
        assert!(error.to_string().contains("larger than 1 MiB"), "{reader}: {error}");
    }
    File::create(&path).unwrap().set_len(MAX_FILE_SIZE as u64).unwrap();
    assert_eq!(read_file(&path).unwrap().len(), MAX_FILE_SIZE);
}

/// No edit creates a file that is too large to read.
#[test]
fn an_edit_does_not_make_a_file_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let [rc, git] = [".flynnrc", ".gitconfig"].map(|name| dir.path().join(name));
    for path in [&rc, &git] {
        fs::write(path, format!("# {}\n", "x".repeat(MAX_FILE_SIZE - 50))).unwrap();
    }
    let before = fs::read(&rc).unwrap();
    let errors = [add(&rc), GitConfig::edit(&git, |git| git.set("a.b", &"x".repeat(50)))];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
    }
    assert_eq!((fs::read(&rc).unwrap(), fs::read(&git).unwrap()), (before.clone(), before));
}

/// Ten levels with a hundred includes each are too many files to read.
#[test]
fn includes_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for level in 0..9 {
        let line = format!("[include]\n\tpath = {}\n", level + 1);
        fs::write(dir.path().join(level.to_string()), line.repeat(100)).unwrap();
    }
    fs::write(dir.path().join("9"), "[a]\n\tb\n").unwrap();
    let error = Includes::new(None).load(dir.path().join("0")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("includes more than"), "{error}");
}

/// `-` is standard input, only for reading.
#[test]
fn a_dash_is_standard_input() {
    match std::env::var("FLYNN_TEST_STDIN").as_deref() {
        Ok("flynnrc") => {
            let rc = FlynnRc::load("-").unwrap();
            return println!("cluster {:?}", rc.clusters()[0].name());
        }
        // As in `git config --file -`, included files are read by their absolute paths.
        Ok("gitconfig") => match Includes::new(None).load("-") {
            Ok(git) => return println!("name {:?}", git.get("user.name").unwrap().as_str()),
            Err(error) => return println!("error {error}"),
        },
        _ => {}
    }
    let said = |reader: &str, text: &str| {
        let mut child = Command::new("/proc/self/exe");
        let arguments = ["--exact", "guard::a_dash_is_standard_input", "--nocapture"];
        let mut child = child
            .args(arguments)
            .env("FLYNN_TEST_STDIN", reader)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The reader closes the pipe after it has read enough.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes());
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let rc = said("flynnrc", "[[cluster]]\nName = \"piped\"\n");
    assert!(rc.contains("cluster \"piped\""), "{rc}");
    let git = said("gitconfig", "[user]\n\tname = Ann\n");
    assert!(git.contains("name Some(\"Ann\")"), "{git}");
    let dir = tempfile::tempdir().unwrap();
    let included = dir.path().join("included");
    fs::write(&included, "[user]\n\tname = Bob\n").unwrap();
    let git = said("gitconfig", &format!("[include]\n\tpath = {}\n", included.display()));
    assert!(git.contains("name Some(\"Bob\")"), "{git}");
    let git = said("gitconfig", "[include]\n\tpath = included\n");
    assert!(git.contains("error ") && git.contains("absolute"), "{git}");
    let git = said("gitconfig", &"# x\n".repeat(1 << 19));
    assert!(git.contains("error ") && git.contains("larger than 1 MiB"), "{git}");
    let edited = GitConfig::edit("-", |git| git.set("a.b", "c"));
    for error in [add(Path::new("-")), write_file("-", "x"), edited].map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

/// A planted file in the place of the lock is not followed or changed, and opening it never blocks.
#[test]
fn a_planted_lock_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (rc, lock) = (dir.path().join(".flynnrc"), dir.path().join(".flynnrc.lock"));
    let elsewhere = dir.path().join("elsewhere");
    let refused = |why: &str| {
        let error = add(&rc).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(error.path(), Some(&*lock));
        assert!(error.to_string().contains(why) && !rc.exists(), "{error}");
    };
    symlink(&elsewhere, &lock).unwrap();
    refused("a symbolic link");
    assert!(!elsewhere.exists(), "made through the link");
    fs::write(&elsewhere, "").unwrap();
    let owner = fs::metadata(&elsewhere).unwrap().uid();
    refused("a symbolic link");
    assert_eq!(fs::metadata(&elsewhere).unwrap().uid(), owner);
    fs::remove_file(&lock).unwrap();
    fifo(&lock);
    refused("a named pipe");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    refused("a folder");
    fs::remove_dir(&lock).unwrap();
    add(&rc).unwrap();
}

/// The next write removes the temporary file of any killed writer. The file of a running writer stays.
#[test]
fn leftovers_of_killed_writers_go() {
    let dir = tempfile::tempdir().unwrap();
    let files = CaFiles::new(dir.path());
    let [dead, alive] = ["AbC123", "XyZ789"].map(|random| {
        let path = dir.path().join(format!("a.pem.flynn-config-{random}.tmp"));
        fs::write(&path, "half").unwrap();
        path
    });
    let writer = File::open(&alive).unwrap();
    writer.lock().unwrap();
    files.write("a", "pem").unwrap();
    assert!(!dead.exists() && alive.exists());
    drop(writer);
    write_file(dir.path().join("a.pem"), "other").unwrap();
    assert!(!alive.exists());
}

/// Many writers of one file without a lock. Readers always see a complete file, and no temporary file stays.
#[test]
fn writers_do_not_sweep_each_other_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan");
    std::thread::scope(|scope| {
        for writer in 0..8_u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..40 {
                    write_file(path, [b'a' + writer].repeat(5000)).unwrap();
                    let seen = read_file(path).unwrap();
                    assert!(seen.len() == 5000 && seen.iter().all(|b| *b == seen[0]));
                }
            });
        }
    });
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
