//! Properties of every `.flynnrc`: reading keeps all bytes, and an edit changes only its own.

use std::fmt::Write as _;

use flynn_config::{Cluster, ClusterEdit, Error, FlynnRc, FlynnRcEdit, NewCluster};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use secrecy::{ExposeSecret as _, SecretString};

/// The choices for the parts of a generated file.
#[derive(Debug, Clone)]
struct Style {
    bom: bool,
    crlf: bool,
    indent: &'static str,
    equals: &'static str,
    lower: bool,
    literal: bool,
    inline: bool,
    last_newline: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    comment: Option<&'static str>,
    pin: Option<&'static str>,
    git: bool,
    docker: bool,
    extra: &'static str,
    trailing: &'static str,
    sub_table: bool,
    blank: usize,
}

fn styles() -> impl Strategy<Value = Style> {
    let flags = (prop::bool::weighted(0.1), any::<bool>(), any::<bool>(), any::<bool>());
    let rest = (prop::bool::weighted(0.2), prop::bool::weighted(0.8));
    (flags, rest, select(vec!["", "  ", "\t"]), select(vec![" = ", "=", "   =  "])).prop_map(
        |((bom, crlf, lower, literal), (inline, last_newline), indent, equals)| Style {
            bom,
            crlf,
            indent,
            equals,
            lower,
            literal,
            inline,
            last_newline,
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let comment = prop::option::of(select(vec!["# of production", "#[[cluster]]"]));
    let pin = prop::option::of(select(vec!["", "AAAA+/=", "p\u{fc}n"]));
    let extra = select(vec!["", "Note = \"\"\"a\n# b\n[[c]]\"\"\"", "Tags = [1, 2]", "x.y = 1"]);
    let trailing = select(vec!["", "# Key = \"old\"", "# [later]"]);
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), 0..3_usize);
    let entry = (comment, pin, extra, trailing, flags).prop_map(
        |(comment, pin, extra, trailing, (git, docker, sub_table, blank))| Entry {
            comment,
            pin,
            git,
            docker,
            extra,
            trailing,
            sub_table,
            blank,
        },
    );
    prop::collection::vec(entry, 0..5)
}

/// The text of a file with clusters `c0`, `c1`, ... of which `c0` may be the default.
fn text(style: &Style, entries: &[Entry], default: bool) -> String {
    let key = |name: &str| if style.lower { name.to_lowercase() } else { name.to_owned() };
    let quote = if style.literal { '\'' } else { '"' };
    let mut out = String::from("# my clusters\n\n");
    if default {
        let _ = writeln!(out, "{}{}{quote}c0{quote} # the usual one", key("Default"), style.equals);
    }
    let pairs = |number: usize, entry: &Entry| {
        let mut pairs = vec![("Name", format!("c{number}")), ("Key", format!("key-{number}"))];
        pairs.extend(entry.pin.map(|pin| ("TLSPin", pin.to_owned())));
        pairs.push(("ControllerURL", format!("https://controller.c{number}.test")));
        pairs.extend(entry.git.then(|| ("GitURL", format!("https://git.c{number}.test"))));
        pairs.extend(entry.docker.then(|| ("DockerPushURL", String::new())));
        let pair = |(name, value): (&str, String)| {
            format!("{}{}{quote}{value}{quote}", key(name), style.equals)
        };
        pairs.into_iter().map(pair).collect::<Vec<_>>()
    };
    if style.inline {
        let _ = write!(out, "cluster = [");
        for (number, entry) in entries.iter().enumerate() {
            let comment = entry.comment.unwrap_or_default();
            let mut pairs = pairs(number, entry);
            if entry.sub_table {
                pairs.insert(pairs.len() / 2, "x.y = { a = [1, \",\"] }".to_owned());
            }
            let _ = write!(out, "{comment}\n  {{ {} }},", pairs.join(", "));
        }
        out.push_str("\n]\n");
    } else {
        for (number, entry) in entries.iter().enumerate() {
            out.extend(entry.comment.map(|comment| format!("{comment}\n")));
            let _ = writeln!(out, "{}[[cluster]] # {number}", style.indent);
            for pair in pairs(number, entry) {
                let _ = writeln!(out, "{}{pair}", style.indent);
            }
            for line in [entry.extra, entry.trailing].iter().filter(|line| !line.is_empty()) {
                let _ = writeln!(out, "{line}");
            }
            if entry.sub_table {
                let _ = writeln!(out, "  [cluster.more]\n  a = {number}");
            }
            out.push_str(&"\n".repeat(entry.blank));
        }
        out.push_str("# the end\n");
    }
    if style.crlf {
        out = out.replace('\n', "\r\n");
    }
    if !style.last_newline {
        out.truncate(out.trim_end().len());
    }
    if style.bom { format!("\u{feff}{out}") } else { out }
}

#[derive(Debug, Clone)]
enum Edit {
    Pin(Index, &'static str),
    Key(Index),
    Git(Index, &'static str),
    Docker(Index, &'static str),
    Domain(Index),
    Default(Index),
    Remove(Index),
    Add,
}

fn edits() -> impl Strategy<Value = Edit> {
    let which = any::<Index>;
    let values = || {
        select(vec![
            "",
            "new",
            "with \"quotes\" and \\",
            "\u{1}\u{7f}\t\r\n\u{8}",
            "https://git.other.test",
        ])
    };
    prop_oneof![
        (which(), values()).prop_map(|(i, v)| Edit::Pin(i, v)),
        which().prop_map(Edit::Key),
        (which(), values()).prop_map(|(i, v)| Edit::Git(i, v)),
        (which(), values()).prop_map(|(i, v)| Edit::Docker(i, v)),
        which().prop_map(Edit::Domain),
        which().prop_map(Edit::Default),
        which().prop_map(Edit::Remove),
        Just(Edit::Add),
    ]
}

/// Returns all settings of a cluster.
fn facts(cluster: &Cluster) -> Vec<String> {
    let key = cluster.key().expose_secret();
    let all = [
        cluster.name(),
        key,
        cluster.tls_pin(),
        cluster.controller_url(),
        cluster.git_url(),
        cluster.image_url(),
        cluster.docker_push_url(),
    ];
    all.map(str::to_owned).to_vec()
}

fn all_facts(rc: &FlynnRc) -> Vec<Vec<String>> {
    rc.clusters().iter().map(facts).collect()
}

impl Edit {
    fn apply(&self, rc: &mut FlynnRcEdit) -> Result<(), Error> {
        let names: Vec<_> = rc.current().clusters().iter().map(|c| c.name().to_owned()).collect();
        let name = |index: &Index| names.get(index.index(names.len().max(1)));
        let change = |rc: &mut FlynnRcEdit, index, f: &dyn Fn(&mut ClusterEdit<'_>) -> _| match name(
            index,
        ) {
            Some(name) => f(&mut rc.cluster_mut(name)?),
            None => Ok(()),
        };
        match self {
            Edit::Pin(index, pin) => change(rc, index, &|c| c.set_tls_pin(pin)),
            Edit::Key(index) => {
                change(rc, index, &|c| c.set_key(&SecretString::from("another key")))
            }
            Edit::Git(index, url) => change(rc, index, &|c| c.set_git_url(url)),
            Edit::Docker(index, url) => change(rc, index, &|c| c.set_docker_push_url(url)),
            Edit::Domain(index) => change(rc, index, &|c| c.set_urls_from_domain("moved.test:1")),
            Edit::Default(index) => name(index).map_or(Ok(()), |name| rc.set_default(name)),
            Edit::Remove(index) => match name(index) {
                Some(name) => rc.remove(name).map(drop),
                None => Ok(()),
            },
            Edit::Add => rc.add(&NewCluster::from_domain("new", "new.test", "k", "p")),
        }
    }

    /// Returns the expected clusters after the edit, computed from the settings alone.
    fn expected(&self, mut facts: Vec<Vec<String>>) -> Vec<Vec<String>> {
        let count = facts.len().max(1);
        let images: Vec<bool> = facts.iter().map(|facts| !facts[5].is_empty()).collect();
        let mut put = |index: &Index, slot: usize, value: &str| {
            if let Some(cluster) = facts.get_mut(index.index(count)) {
                value.clone_into(&mut cluster[slot]);
            }
        };
        match self {
            Edit::Pin(index, pin) => put(index, 2, pin),
            Edit::Key(index) => put(index, 1, "another key"),
            Edit::Git(index, url) => put(index, 4, url),
            Edit::Docker(index, url) => put(index, 6, url),
            Edit::Domain(index) => {
                for (slot, service) in [(3, "controller"), (4, "git"), (5, "images"), (6, "docker")]
                {
                    // Clusters of 2016 have no image service.
                    if slot != 5 || images.get(index.index(count)) == Some(&true) {
                        put(index, slot, &format!("https://{service}.moved.test:1"));
                    }
                }
            }
            Edit::Default(_) => {}
            Edit::Remove(index) if facts.is_empty() => _ = index,
            Edit::Remove(index) => _ = facts.remove(index.index(count)),
            Edit::Add => facts.push(
                [
                    "new",
                    "k",
                    "p",
                    "https://controller.new.test",
                    "https://git.new.test",
                    "https://images.new.test",
                    "",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
        }
        facts
    }
}

/// Returns the text that a change removed and added.
fn difference<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let same = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let start = same(before, after);
    let (b, a) = (&before.as_bytes()[start..], &after.as_bytes()[start..]);
    let end = b.iter().rev().zip(a.iter().rev()).take_while(|(x, y)| x == y).count();
    let cut = |text: &'a str| text.get(start..text.len() - end).unwrap_or(text);
    (cut(before), cut(after))
}

fn edited(text: &str, edit: impl FnOnce(&mut FlynnRcEdit) -> Result<(), Error>) -> String {
    FlynnRc::parse(text).unwrap().preview(edit).unwrap().as_str().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_keeps_every_byte(style in styles(), entries in entries(), default: bool) {
        let text = text(&style, &entries, default);
        let rc = FlynnRc::parse(&text).unwrap();
        prop_assert_eq!(rc.as_str(), &text);
        prop_assert_eq!(rc.clusters().len(), entries.len());
        prop_assert_eq!(edited(&text, |_| Ok(())), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        if let Ok(rc) = FlynnRc::parse(&text) {
            prop_assert_eq!(rc.as_str(), text);
        }
    }

    /// Each edit has exactly its intended effect, and the saved file is read as the edited document in memory.
    #[test]
    fn an_edit_changes_what_it_says(
        style in styles(),
        entries in entries(),
        default: bool,
        edits in prop::collection::vec(edits(), 1..4),
    ) {
        let text = text(&style, &entries, default);
        let mut facts = all_facts(&FlynnRc::parse(&text).unwrap());
        let mut in_memory = Vec::new();
        let after = edited(&text, |rc| {
            for edit in &edits {
                if matches!(edit, Edit::Add) && rc.current().cluster("new").is_some() {
                    continue;
                }
                edit.apply(rc)?;
                facts = edit.expected(std::mem::take(&mut facts));
                in_memory = all_facts(rc.current());
                assert_eq!(in_memory, facts, "{edit:?}\n{}", rc.current().as_str());
            }
            Ok(())
        });
        let reread = FlynnRc::parse(&after).unwrap();
        prop_assert_eq!(all_facts(&reread), facts, "{}", after);
        prop_assert!(reread.clusters().is_empty() || reread.default_cluster().is_some());
    }

    /// A changed value replaces the old one between its quotes, and a new key is only inserted.
    #[test]
    fn an_edit_changes_only_its_own_bytes(
        style in styles(),
        entries in entries(),
        default: bool,
        edit in edits(),
    ) {
        let before = text(&style, &entries, default);
        let after = edited(&before, |rc| edit.apply(rc));
        let (removed, added) = difference(&before, &after);
        match edit {
            Edit::Key(_) | Edit::Pin(..) | Edit::Git(..) | Edit::Docker(..) => {
                prop_assert!(removed.lines().count() <= 2 && !removed.contains('['), "{removed:?}");
                prop_assert!(!added.contains('['), "{added:?}");
            }
            // The first cluster also becomes the default.
            Edit::Add if !entries.is_empty() => prop_assert_eq!(removed, ""),
            Edit::Remove(_) if entries.len() > 1 && !default => prop_assert_eq!(added, ""),
            _ => {}
        }
        let line_ends = |text: &str| text.matches('\n').count() == text.matches("\r\n").count();
        prop_assert!(!style.crlf || line_ends(&after), "a bare line end in {after:?}");
    }
}
