//! The answer of a Flynn cluster to git.

use super::{Credential, Operation};
use crate::login::{Auth, Tokens};
use crate::url::is_same_url;
use crate::{Cluster, Error, FlynnRc};

/// The user name for a key, which the controller ignores.
const USER: &str = "user";

/// Answers git as `flynn git-credentials` does.
///
/// Answers only the operation `get` for the `https` host of a cluster's git URL. After `None`, git
/// asks the next helper. The answer is the cluster's key or personal access token with the user
/// name `user`, or its cached access token with the user name `Bearer`: see [`Tokens::auth`].
///
/// # Errors
/// Returns the errors of [`Tokens::auth`]. Unlike the original CLI, this function does not renew a token that has
/// expired.
///
/// ```
/// use flynn_config::FlynnRc;
/// use flynn_config::credential::{Credential, Operation, answer};
/// use flynn_config::login::Tokens;
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
    if operation != Operation::Get || asked.protocol() != Some("https") {
        return Ok(None);
    }
    let Some(host) = asked.host() else { return Ok(None) };
    let url = format!("https://{host}");
    let is_meant =
        |cluster: &&Cluster| !cluster.git_url().is_empty() && is_same_url(cluster.git_url(), &url);
    let cluster = rc.clusters().iter().find(is_meant);
    cluster.map(|cluster| answered(asked, cluster, tokens)).transpose()
}

/// Returns the answer of one cluster.
pub(super) fn answered(
    asked: &Credential,
    cluster: &Cluster,
    tokens: &Tokens,
) -> Result<Credential, Error> {
    Ok(match tokens.auth(cluster)? {
        Auth::Key(key) => asked.answered(USER, key),
        Auth::Token(token) => asked.answered(token.username(), token.secret().clone()),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

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

    /// Recorded from `git-credentials get` of the original CLI.
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
