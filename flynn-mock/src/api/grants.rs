//! The rights of credentials in September 2026: the permission that each path needs, and the permissions that a grant
//! includes.

use http::Method;

use crate::api::auth::{Caller, NOT_ALLOWED};
use crate::life::Engine;
use crate::store::App;
use crate::wire::{Fail, Request};

const SUSPENDED: &str = "this account is suspended";
const SYSTEM_APP: &str = "system apps require the cluster controller credential";

/// The names of Flynn's own apps, independent of their metadata.
const PLATFORM: &[&str] = &[
    "blobstore",
    "controller",
    "dashboard",
    "discoverd",
    "flannel",
    "gitreceive",
    "logaggregator",
    "postgres",
    "router",
    "status",
    "tarreceive",
];

/// The permissions of `app:write` in addition to all reads.
const MANAGE: &[&str] = &[
    "app:deploy",
    "app:scale:write",
    "app:env:write",
    "app:alerts:write",
    "app:jobs:run",
    "app:jobs:stop",
    "app:scheduler:write",
    "app:routes:write",
    "app:resources:write",
    "app:github:write",
    "app:delete",
];

/// The right that a call needs, unless the caller is an administrator.
#[derive(Debug, PartialEq)]
enum Need<'a> {
    /// Only administrators may make the call.
    Admin,
    /// Any valid credential.
    Anyone,
    /// A credential of a user.
    User,
    /// The right to create releases of any app.
    SomeRelease,
    /// The right to build, and any grant.
    Build,
    /// A user, or the right to manage any app.
    SomeApp,
    /// A permission on the app in the path; any permission if it is empty.
    OnApp(&'a str, &'static str),
}

fn need<'a>(method: &Method, path: &'a str) -> Need<'a> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let or_admin = |holds: bool, need| if holds { need } else { Need::Admin };
    match parts.as_slice() {
        ["whoami" | "tokens" | "domains", ..]
        | ["accounts", _, "collaborators", ..]
        | ["apps", _, "collaborators" | "transfer", ..] => Need::User,
        ["users"] => or_admin(*method == Method::POST, Need::User),
        ["handles" | "routes", ..] => or_admin(read, Need::User),
        ["providers", ..] if read => Need::Anyone,
        ["providers", _, "resources", ..] => Need::SomeApp,
        ["tenancy" | "runtimes" | "db-runtimes", ..] | ["cluster", "runtime-settings", ..] => {
            or_admin(read, Need::Anyone)
        }
        ["artifacts", ..] => or_admin(*method == Method::POST, Need::Build),
        ["releases", ..] => or_admin(*method == Method::POST, Need::SomeRelease),
        ["apps"] => or_admin(read || *method == Method::POST, Need::User),
        ["apps", app] if read => Need::OnApp(app, ""),
        ["apps", app] if *method == Method::DELETE => Need::OnApp(app, "app:delete"),
        ["apps", app] => Need::OnApp(app, "app:write"),
        ["apps", app, part, ..] => Need::OnApp(app, needed_under_app(method, read, part)),
        _ => Need::Admin,
    }
}

fn needed_under_app(method: &Method, read: bool, part: &str) -> &'static str {
    let either = |reads, writes| if read { reads } else { writes };
    match part {
        "log" => "app:logs:read",
        "formations" | "scale" => either("app:scale:read", "app:scale:write"),
        "jobs" if *method == Method::DELETE => "app:jobs:stop",
        "jobs" => either("app:jobs:read", "app:jobs:run"),
        "jobs-stats" => "app:metrics:read",
        "deploy" => "app:deploy",
        "deployments" => "app:activity:read",
        "release" => either("", "app:release:write"),
        "releases" => either("app:activity:read", "app:write"),
        "resources" | "volumes" => either("app:resources:read", "app:resources:write"),
        "routes" => either("app:routes:read", "app:routes:write"),
        "gc" => "app:delete",
        "meta" => "app:write",
        "scheduler-events" => either("app:scheduler:read", "app:scheduler:write"),
        _ => either("app:read", "app:write"),
    }
}

/// Returns whether one grant includes a permission.
fn includes(grant: &str, needed: &str) -> bool {
    let reads = needed.ends_with(":read");
    match grant {
        "*" | "cluster:admin" | "app:admin" => true,
        "app:write" => reads || needed == "app:write" || MANAGE.contains(&needed),
        "app:deploy" => reads || needed == "app:deploy",
        "app:read" => reads,
        fine => {
            let known = fine.starts_with("app:");
            let overview = matches!(needed, "app:read" | "app:overview:read");
            let written = fine.rsplit_once(':').map(|(of, _)| of);
            let implied = needed.strip_suffix(":read").is_some_and(|of| Some(of) == written);
            known && (fine == needed || overview || implied)
        }
    }
}

/// Returns whether grants cover a permission. Any grant covers an empty one.
pub(crate) fn cover(grants: &[&str], needed: &str) -> bool {
    let has = |needed: &str| grants.iter().any(|grant| includes(grant, needed));
    match needed {
        "" => !grants.is_empty(),
        // Deploys, scaling and changes of the env all end with this call.
        "app:release:write" => has("app:env:write") || has("app:scale:write") || has("app:deploy"),
        "app:write" => has(needed) || MANAGE.iter().all(|needed| has(needed)),
        _ => has(needed),
    }
}

/// Returns whether the list of apps leaves this app out by default.
pub(crate) fn is_internal(app: &App) -> bool {
    !app.is_plugin() && (app.is_system() || PLATFORM.contains(&app.name.as_str()))
}

/// Returns whether a caller who is not an administrator sees an app in lists.
pub(crate) fn is_visible(engine: &Engine, caller: &Caller, app: &App) -> bool {
    caller.is_admin() || (!is_internal(app) && !permissions(engine, caller, app).is_empty())
}

/// Returns all permissions that a caller has on an app, granted by id or name, or by the user's roles.
pub(crate) fn permissions<'a>(engine: &Engine, caller: &'a Caller, app: &App) -> Vec<&'a str> {
    let mut all = of_user(engine, caller, app);
    all.extend(caller.grants(&app.id));
    all.extend(caller.grants(&app.name));
    all
}

fn of_user(engine: &Engine, caller: &Caller, app: &App) -> Vec<&'static str> {
    let user = caller.user.as_ref();
    user.map(|user| engine.tables.permissions(user, app)).unwrap_or_default()
}

/// Refuses a call that the caller may not make.
pub(crate) fn check(engine: &Engine, caller: &Caller, request: &Request) -> Result<(), Fail> {
    let refuse = |why| Err(Fail::new("forbidden", why));
    let user = caller.user.as_ref().and_then(|id| engine.tables.user(id).ok());
    if user.is_some_and(|user| engine.tables.is_suspended(&user.account())) {
        return refuse(SUSPENDED);
    }
    if caller.is_admin() {
        return Ok(());
    }
    let some = |needed| {
        let alive = engine.tables.apps.iter().filter(|app| !app.deleted);
        caller.some_grant(|grants| cover(grants, needed))
            || alive.clone().any(|app| cover(&of_user(engine, caller, app), needed))
    };
    let allowed = match need(&request.method, &request.path) {
        Need::Admin => false,
        Need::Anyone => true,
        Need::User => caller.user.is_some(),
        Need::SomeRelease => some("app:env:write"),
        Need::Build => caller.builds(),
        Need::SomeApp => caller.user.is_some() || some("app:write"),
        Need::OnApp(name, _) if PLATFORM.contains(&name) => false,
        Need::OnApp(name, needed) => {
            // Grants match the literal path; a user's roles match the app by id and name.
            let mut grants: Vec<&str> = caller.grants(name).collect();
            if let Ok(app) = engine.tables.app(name) {
                grants.extend(of_user(engine, caller, app));
                if app.is_system() && cover(&grants, needed) {
                    return refuse(SYSTEM_APP);
                }
            }
            cover(&grants, needed)
        }
    };
    if allowed { Ok(()) } else { refuse(NOT_ALLOWED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_include_what_they_imply() {
        for (grant, covered, not) in [
            ("app:read", "app:logs:read", "app:deploy"),
            ("app:deploy", "app:release:write", "app:scale:write"),
            ("app:write", "app:delete", "app:team:write"),
            ("app:admin", "app:team:write", ""),
            ("app:env:write", "app:env:read", "app:logs:read"),
            ("app:env:write", "app:overview:read", "app:write"),
            ("app:jobs:run", "app:jobs:read", "app:jobs:stop"),
            ("app:scale:write", "", "app:routes:read"),
        ] {
            assert!(cover(&[grant], covered), "{grant} covers {covered}");
            assert!(not.is_empty() || !cover(&[grant], not), "{grant} does not cover {not}");
        }
        assert!(cover(MANAGE, "app:write"));
    }

    #[test]
    fn paths_need_their_permission() {
        let of = |method: Method, path| need(&method, path);
        assert_eq!(of(Method::GET, "/apps/shop"), Need::OnApp("shop", ""));
        assert_eq!(of(Method::PUT, "/apps/shop/jobs/1"), Need::OnApp("shop", "app:jobs:run"));
        assert_eq!(of(Method::GET, "/apps"), Need::User);
        assert_eq!(of(Method::GET, "/users"), Need::Admin);
        assert_eq!(of(Method::GET, "/events"), Need::Admin);
    }
}
