//! Compares with git itself: `git config --list -z` reads the same values as this crate.

use std::path::Path;
use std::process::Command;

use fastrand::Rng;
use flynn_config::{Error, GitConfig, GitConfigEdit};

/// Returns the number of generated files, ten times as many with `cargo xtask long`.
fn cases() -> u64 {
    if std::env::var_os("FLYNN_LONG").is_some() { 10_000 } else { 1_000 }
}

pub(crate) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Returns the values that git reads, or `None` if it refuses the file.
pub(crate) fn by_git(path: &Path) -> Option<Entries> {
    let output = Command::new("git")
        .args(["config", "--list", "-z", "--file"])
        .arg(path)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" })
        .output()
        .unwrap();
    output.status.success().then(|| {
        let entries = output.stdout.split_inclusive(|&b| b == 0).map(|entry| {
            let entry = &entry[..entry.len() - 1];
            let cut = entry.iter().position(|&b| b == b'\n').unwrap_or(entry.len());
            (entry[..cut].to_vec(), entry[cut..].to_vec())
        });
        entries.collect()
    })
}

/// Returns the values that this crate reads, in the same form: a value follows a line end, a missing one is empty.
fn by_us(config: &GitConfig) -> Entries {
    let value = |value: &flynn_config::Value<'_>| {
        if value.is_implicit() { Vec::new() } else { [b"\n", value.as_bytes()].concat() }
    };
    config.entries().map(|(key, found)| (key.into_bytes(), value(&found))).collect()
}

const SECTIONS: [&str; 6] = ["core", "http", "Credential", "a-b", "ALIAS", "x9"];
const SUBSECTIONS: [&str; 9] = [
    "https://git.a.test",
    "https://git.a.test:8443",
    "https://Git.A.test/",
    "with space",
    "q\\\"uote",
    "back\\\\slash",
    "d.o.t",
    "",
    "\u{fc}",
];
const VARIABLES: [&str; 6] = ["helper", "sslCAInfo", "Name", "a-1", "X", "path"];
const RAW_VALUES: [&str; 22] = [
    "",
    "plain",
    "two  words",
    "\"quoted ; # text\"",
    "half \"quo ted\" word",
    "C:\\\\Users\\\\ann",
    "!f() { echo \\\"x\\\"; }; f",
    "trailing   ",
    "\" kept \"",
    "tab\there",
    "esc\\n\\t\\b",
    "go\\\n  on",
    "go \\\r\n on",
    "x ; comment",
    "x#comment",
    "\"\"",
    "\"\" x",
    "\\\n",
    "a = b",
    "[x]",
    "\u{fc}ml\u{e4}ut",
    "x \\\n\\\n y",
];
const VALUES: [&str; 12] = [
    "",
    "plain",
    "with space",
    " led",
    "trailed ",
    "semi;colon",
    "ha#sh",
    "C:\\Users\\ann\\ca.pem",
    "quo\"te",
    "line\nend\ttab",
    "!'/Apps/My Flynn/flynn' git-credentials",
    "\u{fc}",
];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(..from.len())]
}

fn header(rng: &mut Rng) -> String {
    let section = pick(rng, &SECTIONS);
    match rng.u8(..10) {
        0..4 => format!("[{section}]"),
        4 => format!("[{section}.Old]"),
        5 => format!("[{section}.old \"{}\"]", pick(rng, &SUBSECTIONS)),
        _ => format!("[{section} \"{}\"]", pick(rng, &SUBSECTIONS)),
    }
}

/// Generates a realistic file with some oddities.
fn file(rng: &mut Rng) -> Vec<u8> {
    let mut text = String::from(if rng.u8(..20) == 0 { "\u{feff}" } else { "" });
    let crlf = rng.u8(..4) == 0;
    for _ in 0..rng.usize(..14) {
        match rng.u8(..12) {
            0..3 => text.push_str(&header(rng)),
            3 => text.push_str(pick(rng, &["# note", "; note \\", "#", "  ; x = 1", "#[a]"])),
            4 => text.push_str(pick(rng, &["", " ", "\t"])),
            5 => {
                let (header, name) = (header(rng), pick(rng, &VARIABLES));
                text += &format!("{header} {name} = {}", pick(rng, &RAW_VALUES));
            }
            6 => text += &format!("\t{}{}", pick(rng, &VARIABLES), pick(rng, &["", " ", "="])),
            7 => text += &format!("{}{} ", header(rng), header(rng)),
            _ => {
                let indent = pick(rng, &["\t", "", "    ", " \t"]);
                let equals = pick(rng, &[" = ", "=", "  =\t", " ="]);
                let name = pick(rng, &VARIABLES);
                text += &format!("{indent}{name}{equals}{}", pick(rng, &RAW_VALUES));
            }
        }
        let odd = rng.u8(..12) == 0;
        text.push_str(if crlf ^ odd { "\r\n" } else { "\n" });
    }
    if rng.u8(..6) == 0 {
        text.truncate(text.trim_end().len());
    }
    let mut bytes = text.into_bytes();
    // A few broken ones.
    if rng.u8(..5) == 0 && !bytes.is_empty() {
        let at = rng.usize(..bytes.len());
        match rng.u8(..3) {
            0 => _ = bytes.remove(at),
            1 => bytes[at] = b"\"\\[]\r\n#;= .x"[rng.usize(..12)],
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// An edit, and whether it only removes or only inserts text.
#[derive(Debug)]
enum Edit {
    Set(String, &'static str),
    Add(String, &'static str),
    Unset(String),
    UnsetAll(String),
    RemoveSection(String),
}

impl Edit {
    fn random(rng: &mut Rng, there: &Entries) -> Self {
        let known = there.get(rng.usize(..there.len().max(1)));
        // A variable without a section, or with an empty one, has no full name.
        let known = known.and_then(|(key, _)| String::from_utf8(key.clone()).ok());
        let known = known.filter(|key| key.find('.').is_some_and(|dot| dot > 0));
        let fresh = format!(
            "{}.{}{}",
            pick(rng, &SECTIONS),
            pick(rng, &["", "https://git.a.test.", "q\"uote.", "back\\slash."]),
            pick(rng, &VARIABLES)
        );
        let key = known.filter(|_| rng.u8(..4) != 0).unwrap_or(fresh);
        let value = VALUES[rng.usize(..VALUES.len())];
        match rng.u8(..6) {
            0 | 1 => Edit::Set(key, value),
            2 => Edit::Add(key, value),
            3 => Edit::Unset(key),
            4 => Edit::UnsetAll(key),
            _ => Edit::RemoveSection(key.rsplit_once('.').unwrap().0.to_owned()),
        }
    }

    fn apply(&self, config: &mut GitConfigEdit) -> Result<(), Error> {
        match self {
            Edit::Set(key, value) => config.set(key, value),
            Edit::Add(key, value) => config.add(key, value),
            Edit::Unset(key) => config.unset(key).map(drop),
            Edit::UnsetAll(key) => config.unset_all(key).map(drop),
            Edit::RemoveSection(name) => config.remove_section(name).map(drop),
        }
    }

    /// The key as git prints it.
    fn canonical(key: &str) -> Vec<u8> {
        let (section, variable) = key.rsplit_once('.').unwrap();
        let (base, rest) = section.split_at(section.find('.').unwrap_or(section.len()));
        format!("{}{rest}.{}", base.to_lowercase(), variable.to_lowercase()).into_bytes()
    }

    fn check(&self, before: &Entries, after: &Entries) {
        let entry =
            |key: &str, value: &str| (Self::canonical(key), format!("\n{value}").into_bytes());
        match self {
            Edit::Set(key, value) if before.iter().any(|(k, _)| *k == Self::canonical(key)) => {
                let mut expected = before.clone();
                let at = expected.iter().position(|(k, _)| *k == Self::canonical(key)).unwrap();
                expected[at] = entry(key, value);
                assert_eq!(*after, expected);
            }
            Edit::Set(key, value) | Edit::Add(key, value) => {
                let new = entry(key, value);
                let at = after.iter().rposition(|e| *e == new).expect("the new entry");
                assert!(after[at + 1..].iter().all(|(k, _)| *k != new.0), "not the last");
                let mut rest = after.clone();
                rest.remove(at);
                assert_eq!(rest, *before);
            }
            Edit::Unset(key) | Edit::UnsetAll(key) => {
                let key = Self::canonical(key);
                let expected: Entries = before.iter().filter(|(k, _)| *k != key).cloned().collect();
                assert_eq!(*after, expected);
            }
            Edit::RemoveSection(name) => {
                let name = Self::canonical(&format!("{name}.x"));
                let section = &name[..name.len() - 1];
                let inside = |key: &[u8]| {
                    key.strip_prefix(section).is_some_and(|variable| !variable.contains(&b'.'))
                };
                let expected: Entries =
                    before.iter().filter(|(k, _)| !inside(k)).cloned().collect();
                assert_eq!(*after, expected);
            }
        }
    }
}

/// An insertion keeps every old byte and a removal adds none, in the same order.
fn check_bytes(edit: &Edit, before: &[u8], after: &[u8]) {
    let (less, more) = if before.len() < after.len() { (before, after) } else { (after, before) };
    let touched = matches!(edit, Edit::Set(..)) && more.len() - less.len() < before.len();
    let mut rest = more.iter();
    let is_subsequence = less.iter().all(|b| rest.any(|other| other == b));
    assert!(is_subsequence || touched, "bytes of others changed");
}

#[test]
fn generated_files_and_edits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let (mut read, mut edited) = (0, 0);
    for seed in 0..cases() {
        let mut rng = Rng::with_seed(seed);
        let text = file(&mut rng);
        std::fs::write(&path, &text).unwrap();
        let shown = String::from_utf8_lossy(&text);
        let parsed = GitConfig::parse(&text);
        let (Ok(config), Some(before)) = (&parsed, by_git(&path)) else {
            let git = by_git(&path);
            assert_eq!(parsed.is_ok(), git.is_some(), "seed {seed}: {parsed:?}\n{shown}");
            continue;
        };
        assert_eq!(config.as_bytes(), text, "seed {seed}");
        assert_eq!(by_us(config), before, "seed {seed}:\n{shown}");
        read += 1;
        let edit = Edit::random(&mut rng, &before);
        if GitConfig::edit(&path, |config| edit.apply(config)).is_err() {
            let of = |key: &str| before.iter().filter(|(k, _)| *k == Edit::canonical(key)).count();
            match &edit {
                Edit::Set(key, _) | Edit::Unset(key) => assert!(of(key) > 1, "seed {seed}"),
                _ => panic!("seed {seed}: {edit:?} was refused\n{shown}"),
            }
            assert_eq!(std::fs::read(&path).unwrap(), text);
            continue;
        }
        let new = std::fs::read(&path).unwrap();
        println!("seed {seed}: {edit:?}\n{shown}\n--- became\n{}", String::from_utf8_lossy(&new));
        let after = by_git(&path).expect("git reads what we wrote");
        edit.check(&before, &after);
        check_bytes(&edit, &text, &new);
        edited += 1;
    }
    assert!(read * 10 > cases() * 7 && edited * 10 > cases() * 6, "{read} read, {edited} edited");
}
