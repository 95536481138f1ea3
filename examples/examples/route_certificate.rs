//! Puts a certificate on every route of an app that it covers.
//!
//! `cargo run -p flynn-examples --example route_certificate -- APP chain.pem key.pem`

use anyhow::{Context as _, bail};
use flynn_config::read_file;
use flynn_tls::{Bundle, PrivateKey, Requirements, check};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [app, chain, key] = arguments.as_slice() else { bail!("usage: APP chain.pem key.pem") };
    let bundle = Bundle::from_pem(read_file(chain)?).context("cannot use the chain")?;
    let key = PrivateKey::from_pem(read_file(key)?).context("cannot use the key")?;

    // A router that cannot load a certificate serves none, so check before you install.
    let report = check(&bundle, Some(&key), &Requirements::new());
    if report.has_errors() {
        bail!("the certificate cannot be used:\n{report}");
    }

    let routes = flynn_examples::connect(None)?.app(app.as_str()).routes();
    for route in routes.list().await? {
        if bundle.leaf().names().covers(&route.domain) {
            // Reads the route, changes the certificate and writes everything back.
            routes.update(&route).certificate(bundle.to_pem(), key.secret_pem()).await?;
            println!("{} has the new certificate", route.domain);
        }
    }
    Ok(())
}
