//! The client itself: cheap to clone, shared by all that is made from it.

use std::fmt;
use std::sync::Arc;

use crate::builder::ClientBuilder;
use crate::transport::Transport;

/// A client of one controller. Clones share connections.
///
/// Resources hang off it: [`apps`](Self::apps), [`app`](Self::app), [`events`](Self::events) ...
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Sets up a client of the controller at this URL, `https://controller.<domain>[:port]`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport: Arc::new(transport) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The controller's URL, without a slash at the end.
    pub fn url(&self) -> &str {
        self.transport.base.as_str().trim_end_matches('/')
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).finish_non_exhaustive()
    }
}
