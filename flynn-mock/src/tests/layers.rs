//! The layers of the crate: each imports only those below it.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. Modules in none of them (the builder, the controller, the typed state) are above all
/// layers.
const LAYERS: [&str; 7] = ["store", "wire", "dialect", "life", "api", "calls", "server"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the layer of a module path.
fn layer(path: &str) -> Option<usize> {
    let name = path.split("::").next()?;
    LAYERS.iter().position(|layer| *layer == name)
}

/// Returns the imports of a file, without its tests, that its layer must not use.
fn upward(name: &str, text: &str) -> Vec<String> {
    let own = layer(&name.replace('/', "::").replace(".rs", "")).unwrap_or(LAYERS.len());
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1)).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    let upward = paths.filter(|to| match layer(to) {
        Some(layer) => layer > own,
        // Everything else is above the layers.
        None => own < LAYERS.len(),
    });
    upward.map(|to| format!("{name} imports {to}")).collect()
}

#[test]
fn no_layer_imports_a_higher_one() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    assert!(found.len() > 80, "{} files", found.len());
    let mut all = Vec::new();
    for path in found {
        let name = path.strip_prefix(&src).unwrap().display().to_string().replace('\\', "/");
        if !name.starts_with("tests/") {
            all.extend(upward(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn an_upward_import_is_found() {
    assert_eq!(upward("store/apps.rs", "use crate::wire::Fail;"), ["store/apps.rs imports wire"]);
    assert_eq!(upward("wire/json.rs", "use crate::dialect::Dialect;").len(), 1);
    assert!(upward("api/apps.rs", "use crate::life::Engine;\nuse crate::store::App;").is_empty());
    assert_eq!(upward("life/apps.rs", "crate::api::json(x)").len(), 1);
    assert_eq!(upward("server/hub.rs", "use crate::MockController;").len(), 1);
    assert!(upward("control/state.rs", "use crate::MockController;").is_empty());
}
