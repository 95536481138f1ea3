//! Routes.

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Route, is_uuid, newest_first};
use crate::wire::{self, Fail, decode, decode_map};

/// `GET /routes`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    engine.ask_router()?;
    route_list(engine, |_| true)
}

/// `GET /apps/:a/routes`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let parent = engine.tables.app(call.param(0))?.parent_ref();
    engine.ask_router()?;
    route_list(engine, |route| route.parent_ref == parent)
}

fn route_list(engine: &Engine, keep: impl Fn(&Route) -> bool) -> Reply {
    let alive = engine.tables.routes.iter().filter(|r| !r.deleted && keep(r));
    let list = newest_first(alive, |route| route.created_at);
    json(&list.into_iter().map(|r| engine.stored_route(r)).collect::<Vec<_>>())
}

/// Returns the route in a path, which must belong to the app.
fn named_route(engine: &mut Engine, call: &Call<'_>) -> Result<Route, Fail> {
    let parent = engine.tables.app(call.param(0))?.parent_ref();
    engine.ask_router()?;
    let (kind, id) = (call.param(1), call.param(2));
    let http_or_tcp = matches!(kind, "http" | "tcp");
    if http_or_tcp && !is_uuid(id) && engine.dialect.routes_by_router {
        return Err(Fail::database());
    }
    engine
        .tables
        .routes
        .iter()
        .find(|r| !r.deleted && r.kind == kind && r.id == id && r.parent_ref == parent)
        .cloned()
        .ok_or(Fail::NotFound)
}

/// `GET /apps/:a/routes/:type/:id`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let route = named_route(engine, call)?;
    json(&engine.stored_route(&route))
}

/// `POST /apps/:a/routes`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let parent = engine.tables.app(call.param(0))?.parent_ref();
    let mut route: Route = decode(engine.dialect.bodies, call.request)?;
    route.parent_ref = parent;
    wire::one_of("type", &route.kind, &["http", "tcp"])?;
    engine.ask_router()?;
    json(&engine.add_route(route, true)?)
}

/// `PUT /apps/:a/routes/:type/:id`
pub(crate) fn update(engine: &mut Engine, call: &Call<'_>) -> Reply {
    engine.tables.app(call.param(0))?;
    if engine.dialect.routes_by_router && decode_map(engine.dialect.bodies, call.request)?.is_none()
    {
        return Err(Fail::Broken);
    }
    let mut route: Route = decode(engine.dialect.bodies, call.request)?;
    if engine.dialect.routes_by_router {
        // The type and id are taken from the body. Without them, the router does not know the path.
        match route.kind.as_str() {
            "" => return Err(Fail::NotFound),
            _ if route.id.is_empty() => return Err(Fail::NotFound),
            "http" | "tcp" => {}
            _ => return Err(Fail::field("type", "Invalid route type")),
        }
    } else {
        call.param(1).clone_into(&mut route.kind);
        call.param(2).clone_into(&mut route.id);
    }
    if engine.dialect.routes_by_router {
        if route.kind == "tcp" && route.port == 0 {
            return Err(Fail::unknown());
        }
        if !is_uuid(&route.id) {
            return Err(Fail::database());
        }
    }
    engine.ask_router()?;
    json(&engine.change_route(route)?)
}

/// `DELETE /apps/:a/routes/:type/:id`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let route = named_route(engine, call)?;
    engine.remove_route(&route)?;
    Ok(Answer::empty(http::StatusCode::OK))
}
