//! Creates, lists and reads deployments. `rollout` carries them out.

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::api::releases::named_release;
use crate::life::Engine;
use crate::store::{Deployment, newest_first};
use crate::wire::Fail;

/// `GET /deployments/:d`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let id = call.param(0);
    json(engine.tables.deployments.iter().find(|d| d.id == id).ok_or(Fail::NotFound)?)
}

/// `GET /apps/:a/deployments`
pub(crate) fn list(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let of_app = engine.tables.deployments.iter().filter(|d| d.app == *app);
    json(&newest_first(of_app, |deployment| deployment.created_at))
}

/// `POST /apps/:a/deploy`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = named_release(engine, call)?.id;
    let deployment = engine.deploy(&app, &release)?;
    // The reply does not contain the batch size.
    json(&Deployment { deploy_batch_size: None, ..deployment })
}
