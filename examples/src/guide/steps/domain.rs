//! The cluster's domain: a migration on the server, then the CA file, `.gitconfig` and `.flynnrc`.

use std::time::{Duration, SystemTime};

use flynn_client::ErrorKind;
use flynn_client::domain::{DomainMigrationEvent, MigrationHandle};
use flynn_client::events::EventType;
use flynn_config::{BlockChange, Error as ConfigError, GitConfig, Helper, Locations};
use flynn_tls::Pin;

use crate::blocking::blocking;
use crate::cluster;
use crate::connect;
use crate::documents;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, anyhow, bail};

/// The longest time for a migration, which creates certificates and routes and deploys twice. The original CLI waits
/// two minutes, which is too short.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Compares the domain of the server, the URLs and the pin of `.flynnrc`, and the CA file.
///
/// # Errors
/// Fails if the cluster does not answer or if a file cannot be read.
pub async fn look(session: &mut Session) -> Result<Look> {
    session.reload().await?;
    let wanted = session.job.domain.to_string();
    let domain = cluster::domain(&session.client).await?;
    let mut plan = Vec::new();
    if let Some(running) = running(session).await? {
        plan.push(format!("wait for migration {}, which is already running", running.id));
    }
    if domain != wanted {
        plan.push(format!("migrate the cluster from {domain} to {wanted}"));
    }
    let urls = Urls::of(session);
    // A cluster that was added without git has no git URL, and needs none.
    let git = session.cluster.git_url();
    let git_holds = git.is_empty() || git == urls.git;
    if session.cluster.controller_url() != urls.controller || !git_holds {
        plan.push("update the URLs and the pin in .flynnrc, the CA file and .gitconfig".to_owned());
    } else {
        if !ca_file_holds(session).await? {
            plan.push("write the cluster's CA file".to_owned());
        }
        let live = session.presented(session.reach.controller_host()).await?;
        // The new certificate may already be installed. A later step writes its pin.
        let new = session.certificate().ok().map(|certificate| certificate.pin);
        let is_known = |pin| pin == live || Some(live) == new;
        if session.pin()?.is_some_and(|pin| !is_known(pin)) {
            plan.push("write the pin of the migrated controller into .flynnrc".to_owned());
        }
    }
    let now = format!("{domain}, in .flynnrc {}", session.cluster.domain().unwrap_or("another"));
    Ok(if plan.is_empty() { Look::holds(now) } else { Look::lacks(now, plan) })
}

/// Migrates the cluster, waits for the end and updates the files. `.flynnrc` is last: as long as it has the old domain,
/// the next run knows that there is something left to do.
///
/// # Errors
/// Fails if the migration fails or does not end, or if a file cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let wanted = session.job.domain.to_string();
    if let Some(running) = running(session).await? {
        let id = &running.id;
        session.screen.say(format_args!("waiting for migration {id}, which is already running"));
        match running.wait().timeout(TIMEOUT).await {
            Err(error) if error.is_timeout() => {
                return Err(error).context("the running migration does not end");
            }
            // It is finished, successfully or not.
            _ => {}
        }
    }
    let domain = cluster::domain(&session.client).await?;
    if domain != wanted {
        migrate(session, &domain, &wanted).await?;
    }
    // `.flynnrc` changes last: until then, a second run still finds the old domain in it.
    let host = session.reach.controller_host().to_owned();
    if let Some(old) = host.strip_prefix("controller.").filter(|old| *old != wanted) {
        create_missing_routes(session, old, &wanted).await?;
    }
    let pin = pin_of_route(session, &format!("controller.{wanted}")).await?;
    write_ca_file(session).await?;
    change_gitconfig(session).await?;
    let name = session.cluster.name().to_owned();
    let with_port = format!("{wanted}{}", session.reach.port_suffix());
    let images = has_images(session, &wanted).await?;
    connect::edit(session.job.locations.clone(), name, move |cluster| {
        cluster.set_urls_from_domain(&with_port)?;
        if images {
            cluster.set_image_url(&format!("https://images.{with_port}"))?;
        }
        cluster.set_tls_pin(&pin.to_string())
    })
    .await?;
    session.screen.say(format_args!("URLs and pin {pin} written to .flynnrc"));
    session.reload().await
}

/// Returns whether the cluster has an image service. Clusters of 2016 do not have one.
async fn has_images(session: &Session, domain: &str) -> Result<bool> {
    let what = "cannot look for the image service";
    let app = session.client.app("tarreceive").get_opt().await.context(what)?;
    let Some(app) = app else { return Ok(false) };
    let routes = session.client.app(app.id).routes();
    let route = routes.find(format!("images.{domain}"), "/").await.context(what)?;
    Ok(route.is_some())
}

/// Returns a migration that has not ended, for example of an interrupted run. The domain alone does not tell, because
/// it changes before the routes and the router's certificate. A migration without an event for ten minutes counts as
/// dead.
async fn running(session: &Session) -> Result<Option<MigrationHandle>> {
    let what = "cannot list the migrations";
    let events = session.client.events().object_types([EventType::DomainMigration]);
    let newest = events.count(1).list().await.context(what)?.into_iter().next();
    let Some(newest) = newest else { return Ok(None) };
    let step: DomainMigrationEvent = newest.decode().context(what)?;
    let is_over = !step.error.is_empty() || step.migration.is_none_or(|it| it.is_finished());
    let at = newest.created_at.and_then(|at| at.to_system_time());
    let age = at.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
    let is_running = !is_over && age < TIMEOUT;
    Ok(is_running.then(|| session.client.domain().migration(newest.object_id)))
}

async fn migrate(session: &mut Session, from: &str, to: &str) -> Result<()> {
    let what = format!("cannot migrate from {from} to {to}");
    let migration = session.client.domain().migrate(to).await.with_context(|| what.clone())?;
    session.screen.say(format_args!("migration {} accepted, waiting for its end", migration.id));
    match migration.wait().timeout(TIMEOUT).await {
        Err(error) if error.kind() == ErrorKind::MissingRoutes => {} // created below
        ended => drop(ended.with_context(|| what.clone())?),
    }
    session.screen.say(format_args!("the cluster has moved from {from} to {to}"));
    Ok(())
}

/// Creates the routes that the migration left out, so that every route under the old domain has a counterpart.
async fn create_missing_routes(session: &mut Session, old: &str, new: &str) -> Result<()> {
    let create = session.client.domain().create_missing_routes(old, new);
    let created = create.await.context("cannot create the routes that the migration left out")?;
    for route in created {
        session
            .screen
            .say(format_args!("the migration left out the route {}: created", route.domain));
    }
    Ok(())
}

/// The URLs that the cluster has under its new domain, with the port of the old ones.
struct Urls {
    controller: String,
    git: String,
}

impl Urls {
    fn of(session: &Session) -> Self {
        let rest = format!("{}{}", session.job.domain, session.reach.port_suffix());
        Self {
            controller: format!("https://controller.{rest}"),
            git: format!("https://git.{rest}"),
        }
    }
}

/// Returns the pin that the controller presents under its new name. The route is read over the trusted connection, and
/// the live server must present the same certificate.
async fn pin_of_route(session: &Session, host: &str) -> Result<Pin> {
    let what = format!("cannot read the route of {host}");
    let routes = session.client.app("controller").routes();
    let route = routes.find(host, "/").await.with_context(|| what.clone())?;
    let certificate = route
        .and_then(|route| route.certificate)
        .ok_or_else(|| anyhow!("{host} has no route with a certificate after the migration"))?;
    let pin = Pin::from_pem(&certificate.cert).with_context(|| what.clone())?;
    let live = session.presented(host).await?;
    if live != pin {
        bail!(
            "{host} presents a certificate with the pin {live}, but its route has one with {pin}"
        );
    }
    Ok(pin)
}

async fn ca_file_holds(session: &Session) -> Result<bool> {
    let path =
        session.job.locations.ca_files().path(session.cluster.name()).context("no CA file")?;
    let served = ca_certificate(session).await?;
    Ok(documents::holds(&path, &served).await)
}

async fn write_ca_file(session: &mut Session) -> Result<()> {
    let pem = ca_certificate(session).await?;
    let (ca_files, name) =
        (session.job.locations.ca_files().clone(), session.cluster.name().to_owned());
    let write = move || ca_files.write(&name, &pem).context("cannot write the CA file");
    let path = blocking(write).await?;
    session.screen.say(format_args!("the cluster's new CA is in {}", path.display()));
    Ok(())
}

async fn ca_certificate(session: &Session) -> Result<String> {
    session.client.ca_certificate().await.context("cannot get the cluster's CA")
}

/// Moves Flynn's settings to the new git URL and keeps the helper.
async fn change_gitconfig(session: &mut Session) -> Result<()> {
    let (old, new) = (session.cluster.git_url().to_owned(), Urls::of(session).git);
    let (locations, name) = (session.job.locations.clone(), session.cluster.name().to_owned());
    let said = format!(".gitconfig has its sections for {new}");
    if blocking(move || move_sections(&locations, &name, &old, &new)).await? {
        session.screen.say(said);
    }
    Ok(())
}

/// Moves Flynn's sections of `.gitconfig` to another URL. Returns false if there are none.
fn move_sections(locations: &Locations, name: &str, old: &str, new: &str) -> Result<bool> {
    let path = locations.gitconfig();
    let what = "cannot change .gitconfig";
    let config = match GitConfig::load(path) {
        Err(error) if error.is_not_found() => return Ok(false),
        config => config.context(what)?,
    };
    let blocks = config.flynn_blocks(old);
    let Some(helper) = blocks.flynn_helper().filter(|_| old != new) else { return Ok(false) };
    let ca_file = locations.ca_files().path(name).context(what)?;
    let install =
        BlockChange::Install { ca_file: Some(ca_file), helper: Helper::named(&helper.value) };
    let install = config.plan(new, install).context(what)?;
    let remove = config.plan(old, BlockChange::Remove).context(what)?;
    GitConfig::edit(path, |git| {
        git.apply(&remove)?;
        git.apply(&install)
    })
    .map_err(|error: ConfigError| error)
    .context(what)?;
    Ok(true)
}
