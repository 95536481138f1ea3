//! A table of routes, as `flynn route` prints it.

use comfy_table::{Table, presets};
use flynn_client::routes::{Route, RouteType};

use crate::text::printable;

/// The columns of `flynn route` except the last.
const HEAD: [&str; 5] = ["ROUTE", "SERVICE", "ID", "STICKY", "LEADER"];

/// Returns the lines that `flynn route` prints. An http route with a certificate is shown as https; columns that TCP
/// routes do not have stay blank.
pub fn lines<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEAD);
    let mut paths = vec!["PATH".into()];
    for route in routes {
        table.add_row(row(route));
        let is_http = route.kind == RouteType::Http;
        paths.push(if is_http { printable(&route.path) } else { "".into() });
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // Unlike the others, the last column is not padded.
    table.lines().zip(paths).map(|(line, path)| line + &path).collect()
}

fn row(route: &Route) -> [String; 5] {
    let is_http = route.kind == RouteType::Http;
    let place = match (is_http, &route.certificate) {
        (false, _) => format!("{}:{}", route.kind, route.port),
        (true, None) => format!("http:{}", route.domain),
        (true, Some(_)) => format!("https:{}", route.domain),
    };
    let sticky = if is_http { route.sticky.to_string() } else { String::new() };
    [place, route.service.clone(), route.id().to_string(), sticky, route.leader.to_string()]
        .map(|cell| printable(&cell).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of `flynn -a demo route` on a v20161015.2 cluster, and the routes that it lists.
    #[test]
    fn the_lines_are_those_of_the_original() {
        let routes: Vec<Route> = serde_json::from_value(serde_json::json!([
            {"type": "tcp", "id": "4b06e9d5-e75b-4ade-ab0d-51046a8e1f6e", "service": "demo-web", "port": 80},
            {"type": "tcp", "id": "d9d7f59f-727a-4840-afe4-607e692ed460", "service": "demo-tcp", "port": 3456,
                "leader": true},
            {"type": "http", "id": "52819a92-0d6b-413d-87c8-f76b34eadc44", "service": "demo-admin",
                "domain": "secure.example.test", "sticky": true, "path": "/"},
            {"type": "http", "id": "366e436a-21db-4549-a011-951bc0cdfe53", "service": "demo-web",
                "domain": "www.example.test", "path": "/", "certificate": {"cert": "x", "key": "y"}},
        ]))
        .unwrap();
        let expected = [
            "ROUTE                     SERVICE     ID                                         STICKY  LEADER  PATH",
            "tcp:80                    demo-web    tcp/4b06e9d5-e75b-4ade-ab0d-51046a8e1f6e           false   ",
            "tcp:3456                  demo-tcp    tcp/d9d7f59f-727a-4840-afe4-607e692ed460           true    ",
            "http:secure.example.test  demo-admin  http/52819a92-0d6b-413d-87c8-f76b34eadc44  true    false   /",
            "https:www.example.test    demo-web    http/366e436a-21db-4549-a011-951bc0cdfe53  false   false   /",
        ];
        assert_eq!(lines(&routes), expected);
    }
}
