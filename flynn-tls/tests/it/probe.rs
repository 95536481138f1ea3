use flynn_tls::Probe;
use flynn_tls::generate::Ca;

use crate::support::{serve, server_config};

#[tokio::test]
async fn a_probe_tells_what_is_presented() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    let server = serve(server_config(&issued)).await;
    let seen = Probe::new("example.com", 443).connect_to(server.address).run().await.unwrap();
    assert_eq!(seen.pin(), issued.pin());
    assert_eq!(seen.chain().len(), 2);
    assert!(seen.key_proved() && seen.completed());
    assert_eq!(seen.address(), server.address);
}
