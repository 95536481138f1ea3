//! A git configuration: reading keeps every byte, and every edit has exactly its intended effect.
#![no_main]

use flynn_config::{BlockChange, GitConfig, Helper};
use libfuzzer_sys::fuzz_target;

type Entries = Vec<(String, Option<Vec<u8>>)>;

fn entries(config: &GitConfig) -> Entries {
    let value = |v: flynn_config::Value<'_>| (!v.is_implicit()).then(|| v.as_bytes().to_vec());
    config.entries().map(|(key, found)| (key, value(found))).collect()
}

const NEW: [&str; 8] =
    ["", "plain", " a b ", "c:\\d", "\"q\"", "x ; # y", "line\nend\t\r", "u\u{fc}"];

// Three bytes choose the edit; the rest is the text.
fuzz_target!(|input: &[u8]| {
    let [operation, which, new, text @ ..] = input else { return };
    let new = NEW[usize::from(*new) % NEW.len()];
    let Ok(config) = GitConfig::parse(text) else { return };
    assert_eq!(config.as_bytes(), text);
    let before = entries(&config);
    let url = "https://git.a.test";
    for change in [BlockChange::DropCa, BlockChange::Remove] {
        let plan = config.plan(url, change).expect("a plan");
        let done = config.preview(|git| git.apply(&plan)).expect("applied");
        assert!(done.flynn_blocks(url).ca_files.is_empty());
        assert_eq!(plan.is_empty(), done.as_bytes() == text);
    }
    let install = BlockChange::Install {
        ca_file: Some("C:\\ca\\a b.pem".into()),
        helper: Helper::named(new),
    };
    if let Ok(plan) = config.plan(url, install) {
        let done = config.preview(|git| git.apply(&plan)).expect("applied");
        assert!(done.flynn_blocks(url).helpers.iter().any(|helper| helper.value == new));
    }
    let Some((key, _)) = before.get(usize::from(*which) % before.len().max(1)) else { return };
    let same = |(other, _): &&(String, _)| other == key;
    let count = before.iter().filter(same).count();
    if config.get_all(key).len() != count {
        // Sections that are not UTF-8, or have no full name.
        return;
    }
    match operation % 3 {
        0 => {
            let Ok(done) = config.preview(|git| git.unset_all(key).map(drop)) else { return };
            let expected: Entries = before.iter().filter(|e| !same(e)).cloned().collect();
            assert_eq!(entries(&done), expected);
        }
        1 => {
            let Ok(done) = config.preview(|git| git.add(key, new)) else { return };
            let mut after = entries(&done);
            let at = after.iter().rposition(|e| same(&e)).expect("added");
            assert_eq!(after.remove(at).1.as_deref(), Some(new.as_bytes()));
            assert_eq!(after, before);
        }
        _ => {
            let done = config.preview(|git| git.set(key, new));
            let Ok(done) = done else {
                assert!(count > 1);
                return;
            };
            let mut expected = before.clone();
            let at = expected.iter().position(|e| same(&e)).expect("it was there");
            expected[at].1 = Some(new.as_bytes().to_vec());
            assert_eq!(entries(&done), expected);
        }
    }
});
