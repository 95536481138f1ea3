//! What a Flynn cluster answers to git.

use secrecy::ExposeSecret as _;

use super::{Credential, Operation, Tokens};
use crate::url::is_same_url;
use crate::{Cluster, Error, FlynnRc};

/// The user name that the controller ignores beside a key.
const USER: &str = "user";

/// Answers git as the original's `flynn git-credentials` does: only `get`, only `https`, only a
/// host that is a cluster's git URL. `None` means no answer, and git asks the next helper.
///
/// The answer is the cluster's key, or, for a cluster with an OAuth issuer, its cached access
/// token with the user `Bearer`.
///
/// # Errors
/// [`Token`](crate::ErrorKind::Token) when no token is cached or the cached one has expired:
/// unlike the original, this crate does no network call to renew it.
///
/// ```
/// use flynn_config::FlynnRc;
/// use flynn_config::credential::{Credential, Operation, Tokens, answer};
/// use secrecy::ExposeSecret;
///
/// let rc = "[[cluster]]\nName = \"a\"\nKey = \"k\"\nGitURL = \"https://git.a.test\"\n";
/// let asked = Credential::parse(b"protocol=https\nhost=git.a.test\n")?;
/// let tokens = Tokens::new("/nowhere");
/// let answer = answer(Operation::Get, &asked, &FlynnRc::parse(rc)?, &tokens)?.unwrap();
/// assert_eq!(answer.password().unwrap().expose_secret(), "k");
/// # Ok::<(), flynn_config::Error>(())
/// ```
pub fn answer(
    operation: Operation,
    asked: &Credential,
    rc: &FlynnRc,
    tokens: &Tokens,
) -> Result<Option<Credential>, Error> {
    let Some(host) = asked.host().filter(|_| asked.protocol() == Some("https")) else {
        return Ok(None);
    };
    let url = format!("https://{host}");
    let meant =
        |cluster: &&Cluster| !cluster.git_url().is_empty() && is_same_url(cluster.git_url(), &url);
    let Some(cluster) = rc.clusters().iter().find(meant).filter(|_| operation == Operation::Get)
    else {
        return Ok(None);
    };
    if !cluster.uses_oauth() {
        let key = Some(cluster.key()).filter(|key| !key.expose_secret().is_empty());
        return Ok(key.map(|key| asked.answered(USER, key.clone())));
    }
    let token = tokens.access_token(cluster.oauth_url(), cluster.controller_url())?;
    Ok(Some(asked.answered(token.username(), token.secret().clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(operation: Operation, message: &str) -> Option<String> {
        let rc = r#"
[[cluster]]
Name = "nogit"
GitURL = ""
[[cluster]]
Name = "keyless"
GitURL = "https://git.keyless.test"
[[cluster]]
Name = "a"
Key = "key-a"
GitURL = "https://git.a.test"
[[cluster]]
Name = "b"
Key = "key-b"
GitURL = "https://git.a.test:8443"
"#;
        let asked = Credential::parse(message.as_bytes()).unwrap();
        let rc = FlynnRc::parse(rc).unwrap();
        let answer = answer(operation, &asked, &rc, &Tokens::new("none")).unwrap();
        answer.map(|answer| {
            let mut out = Vec::new();
            answer.write(&mut out).unwrap();
            assert!(!format!("{answer:?}").contains(answer.password().unwrap().expose_secret()));
            String::from_utf8(out).unwrap()
        })
    }

    /// As in the recorded `git-credentials get` of the original.
    #[test]
    fn the_key_of_the_cluster_that_is_asked_for() {
        let answer = ask(Operation::Get, "protocol=https\nhost=git.a.test\n\n");
        let expected = "protocol=https\nusername=user\nhost=git.a.test\npassword=key-a\n";
        assert_eq!(answer.as_deref(), Some(expected));
        let ported = ask(Operation::Get, "protocol=https\r\nhost=git.a.test:8443\r\n\r\n").unwrap();
        assert!(ported.ends_with("password=key-b\n"));
    }

    #[test]
    fn no_answer_to_anything_else() {
        for message in [
            "protocol=http\nhost=git.a.test\n",
            "protocol=https\nhost=git.b.test\n",
            "protocol=https\nhost=git.keyless.test\n",
            "protocol=https\nhost=\n",
            "protocol=https\n",
            "",
        ] {
            assert_eq!(ask(Operation::Get, message), None, "{message}");
        }
        for operation in [Operation::Store, Operation::Erase, Operation::Other] {
            assert_eq!(ask(operation, "protocol=https\nhost=git.a.test\n"), None);
        }
    }
}
