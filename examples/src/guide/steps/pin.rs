//! Updates the pin in `.flynnrc` after the controller's certificate has changed.

use flynn_tls::{ClientTls, Pin, pin_mismatch};

use crate::connect;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// Compares three pins: of the certificate's file, of the live server, and in `.flynnrc`.
///
/// # Errors
/// Fails if the server does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    session.reload().await?;
    let Some(written) = session.pin()? else {
        return Ok(Look::skipped("no TLSPin in .flynnrc: public certificates are trusted"));
    };
    let file = session.certificate()?.pin;
    let live = session.presented(session.reach.controller_host()).await?;
    if written != file || live != file {
        let plan = [
            "show that a client with the old pin is refused".to_owned(),
            format!("write the pin {file} once file and server agree on it"),
        ];
        return Ok(Look::lacks(written.to_string(), plan));
    }
    // The pin in `.flynnrc` must be enough, without the pin of the new certificate.
    let client = session.reach.client(&session.cluster, ClientTls::pinned(written))?;
    client.apps().list().await.context("cannot connect with the new pin alone")?;
    Ok(Look::holds(written.to_string())
        .details(["file, server and .flynnrc agree, the client connects".to_owned()]))
}

/// Shows that a client with the old pin is refused, and writes the new pin.
///
/// # Errors
/// Fails if the server presents another certificate than the file, or if `.flynnrc` cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let (file, old) = (session.certificate()?.pin, session.pin()?);
    let live = session.presented(session.reach.controller_host()).await?;
    if live != file {
        bail!(
            "the certificate's file has the pin {file}, but {} presents {live}",
            session.reach.controller_host()
        );
    }
    if let Some(old) = old.filter(|old| *old != file) {
        let refusal = refusal(session, old, live).await?;
        session.screen.say(format_args!("the old pin is refused: {refusal}"));
    }
    session.screen.say(format_args!("pin of the file    {file}"));
    session.screen.say(format_args!("pin of the server  {live}"));
    let name = session.cluster.name().to_owned();
    let locations = session.job.locations.clone();
    connect::edit(locations, name, move |cluster| cluster.set_tls_pin(&file.to_string())).await?;
    session.reload().await
}

/// Connects with the old pin and returns the refusal, which must name both pins.
async fn refusal(session: &Session, old: Pin, live: Pin) -> Result<String> {
    let client = session.reach.client(&session.cluster, ClientTls::pinned(old))?;
    let Err(error) = client.apps().list().await else {
        bail!("a client with the old pin is still let in");
    };
    let Some(mismatch) = pin_mismatch(&error) else {
        return Err(error).context("a client with the old pin fails, but not for its pin");
    };
    if !mismatch.expected().contains(&old) || mismatch.presented() != live {
        bail!("the pin mismatch names other pins: {mismatch}");
    }
    Ok(mismatch.to_string())
}
