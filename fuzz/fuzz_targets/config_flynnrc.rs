//! A `.flynnrc`: reading keeps every byte, and every edit has its intended effect.
#![no_main]

use flynn_config::{Cluster, FlynnRc, FlynnRcEdit, NewCluster};
use libfuzzer_sys::fuzz_target;
use secrecy::{ExposeSecret, SecretString};

fn facts(cluster: &Cluster) -> [&str; 9] {
    [
        cluster.name(),
        cluster.key().expose_secret(),
        cluster.tls_pin(),
        cluster.controller_url(),
        cluster.git_url(),
        cluster.image_url(),
        cluster.docker_push_url(),
        cluster.oauth_url(),
        cluster.dashboard_url(),
    ]
}

fn edit(rc: &mut FlynnRcEdit, operation: u8, which: u8) -> Result<(), flynn_config::Error> {
    let names: Vec<String> = rc.current().clusters().iter().map(|c| c.name().to_owned()).collect();
    let Some(name) = names.get(usize::from(which) % names.len().max(1)) else {
        return rc.add(&NewCluster::from_domain("new", "new.test", "key", "pin"));
    };
    match operation % 9 {
        0 => rc.remove(name).map(drop),
        1 => rc.set_default(name),
        2 => rc.cluster_mut(name)?.set_tls_pin("new \" pin"),
        3 => rc.cluster_mut(name)?.set_tls_pin(""),
        4 => rc.cluster_mut(name)?.set_key(&SecretString::from("new key")),
        5 => rc.cluster_mut(name)?.set_git_url(""),
        6 => rc.cluster_mut(name)?.set_urls_from_domain("moved.test:8443"),
        7 => rc.add_or_replace(&NewCluster::from_domain(name, "x.test", "k", "")).map(drop),
        _ => rc.add(&NewCluster::from_domain("new", "new.test", "key", "pin")),
    }
}

// Four edits of two bytes each, then the text.
fuzz_target!(|input: &[u8]| {
    let Some((edits, text)) = input.split_at_checked(8) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(rc) = FlynnRc::parse(text) else { return };
    assert_eq!(rc.as_str(), text);
    let mut reported = Vec::new();
    let changed = rc.preview(|rc| {
        for pair in edits.chunks_exact(2) {
            if let Err(e) = edit(rc, pair[0], pair[1]) {
                assert!(!e.is_syntax(), "{e}\n{}", rc.current().as_str());
            }
        }
        reported = rc.current().clusters().iter().map(|c| facts(c).map(str::to_owned)).collect();
        Ok::<_, flynn_config::Error>(())
    });
    let Ok(changed) = changed else { return };
    let again = FlynnRc::parse(changed.as_str()).expect("an edit leaves a file that is read");
    let read: Vec<_> = again.clusters().iter().map(|c| facts(c).map(str::to_owned)).collect();
    assert_eq!(read, reported);
});
