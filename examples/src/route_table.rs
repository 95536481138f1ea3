//! Routes as the original command line prints them.

use flynn_client::routes::{Route, RouteType};

/// The columns of `flynn route`, two blanks apart.
const HEAD: [&str; 6] = ["ROUTE", "SERVICE", "ID", "STICKY", "LEADER", "PATH"];

/// The lines that `flynn route` prints. An http route that has a certificate is shown as https; what TCP routes
/// do not have stays blank.
pub fn lines<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Vec<String> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(routes.into_iter().map(row));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// All columns but the last are padded, as Go's tabwriter does.
fn line(row: &[String; 6], widths: &[usize; 6]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
    }
    let last = row.last().map_or(0, |cell| cell.chars().count());
    let end = widths.last().map_or(0, |width| width + 2 - last);
    line.truncate(line.len() - end);
    line
}

fn row(route: &Route) -> [String; 6] {
    let http = route.kind == RouteType::Http;
    let place = match (http, &route.certificate) {
        (false, _) => format!("{}:{}", route.kind, route.port),
        (true, None) => format!("http:{}", route.domain),
        (true, Some(_)) => format!("https:{}", route.domain),
    };
    let sticky = if http { route.sticky.to_string() } else { String::new() };
    let path = if http { route.path.clone() } else { String::new() };
    [place, route.service.clone(), route.id().to_string(), sticky, route.leader.to_string(), path]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `flynn -a demo route` printed on a v20161015.2 cluster, and the routes it printed.
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
