//! The authentication of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, ErrorKind};

/// The content of `Authorization`.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    None,
    /// The cluster's key, as the password of a user without a name.
    Key(SecretString),
    /// A signed token, from v20200803.1 on.
    Bearer(SecretString),
    Basic {
        user: String,
        password: SecretString,
    },
}

impl Auth {
    /// Returns the header, marked as sensitive so that logs do not show it.
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>, Error> {
        let value = match self {
            Self::None => return Ok(None),
            Self::Key(key) => basic("", key),
            Self::Basic { user, password } => basic(user, password),
            Self::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            Error::new(
                ErrorKind::Config,
                "the token has characters that are not allowed in a header",
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn basic(user: &str, password: &SecretString) -> String {
    let pair = SecretString::from(format!("{user}:{}", password.expose_secret()));
    format!("Basic {}", STANDARD.encode(pair.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_password_of_nobody() {
        let header = Auth::Key("key".into()).header().unwrap().unwrap();
        assert_eq!(header, "Basic OmtleQ==");
        assert!(!format!("{header:?}").contains("OmtleQ"));
        assert!(Auth::Bearer("a\nb".into()).header().unwrap_err().to_string().contains("token"));
    }
}
