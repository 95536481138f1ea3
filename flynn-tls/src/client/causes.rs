use std::fmt;

/// What is known about a [`PinMismatch`](super::PinMismatch). `None` means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Evidence {
    /// True if the presented certificate covers the host name. Unknown for IP addresses, which the certificates of a
    /// cluster do not contain.
    pub name_covered: Option<bool>,
    /// True if its chain leads to a public root, regardless of dates.
    pub publicly_trusted: Option<bool>,
    /// True if a certificate from [`ClientTls::known`](super::ClientTls::known) issued it or has the same issuer.
    pub same_issuer: Option<bool>,
    /// True if its issuer has the name of the CA that a Flynn bootstrap makes.
    pub issued_by_flynn: bool,
    /// Its validity at this time.
    pub validity: Option<Validity>,
    /// The wrong part of the presented chain from which an expected pin was made.
    pub pin_mistake: Option<PinMistake>,
}

/// The validity of a certificate at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// It is not valid yet.
    Future,
    /// It is valid.
    Current,
    /// It has expired.
    Past,
}

/// The wrong input from which an expected pin was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PinMistake {
    /// The public key of the presented certificate.
    PublicKey,
    /// The PEM text of the presented certificate, or of the presented chain.
    PemText,
    /// A CA certificate of the presented chain that issued the presented certificate, directly or
    /// through other CAs, as their signatures show.
    Issuer,
}

/// The cause of a pin mismatch. The table of evidence is at
/// [`PinMismatch::causes`](super::PinMismatch::causes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The pin was made from the public key.
    PinOfKey,
    /// The pin was made from the PEM text instead of the DER.
    PinOfPemText,
    /// The pin is that of the issuer.
    PinOfIssuer,
    /// Another server answers, or the router has no route for the name.
    OtherServer,
    /// The server still has an expired certificate.
    StaleCertificate,
    /// The server has a certificate that is not valid yet, or the clock is wrong.
    EarlyCertificate,
    /// The certificate was replaced by a new one of a public CA.
    Replaced,
    /// The certificate was renewed by the same CA.
    Reissued,
    /// The cluster created new certificates for itself.
    ClusterRemade,
    /// The certificate was replaced, and neither a public CA nor a known issuer vouches for the new
    /// one.
    ReplacedUnvouched,
    /// Something between the client and the server answers instead of the server.
    Intercepted,
    /// There is not enough evidence.
    CannotTell,
}

/// A row of the table: a cause and its evidence.
type Row = (Cause, fn(&Evidence) -> bool);

/// The rows, the likeliest cause first.
const TABLE: &[Row] = &[
    (Cause::PinOfKey, |e| e.pin_mistake == Some(PinMistake::PublicKey)),
    (Cause::PinOfPemText, |e| e.pin_mistake == Some(PinMistake::PemText)),
    (Cause::PinOfIssuer, |e| e.pin_mistake == Some(PinMistake::Issuer)),
    (Cause::OtherServer, |e| e.name_covered == Some(false)),
    (Cause::StaleCertificate, |e| {
        e.name_covered == Some(true) && e.validity == Some(Validity::Past)
    }),
    (Cause::EarlyCertificate, |e| {
        e.name_covered == Some(true) && e.validity == Some(Validity::Future)
    }),
    (Cause::Replaced, |e| current(*e) && e.publicly_trusted == Some(true)),
    (Cause::Reissued, |e| {
        current(*e) && e.publicly_trusted != Some(true) && e.same_issuer == Some(true)
    }),
    (Cause::ClusterRemade, |e| {
        e.issued_by_flynn && e.publicly_trusted != Some(true) && e.same_issuer != Some(true)
    }),
    (Cause::Intercepted, |e| {
        current(*e) && e.publicly_trusted == Some(false) && e.same_issuer == Some(false)
    }),
    (Cause::ReplacedUnvouched, |e| unvouched(*e) && !e.issued_by_flynn),
    (Cause::Intercepted, |e| unvouched(*e) && !e.issued_by_flynn && e.same_issuer.is_none()),
];

fn unvouched(e: Evidence) -> bool {
    current(e) && e.publicly_trusted != Some(true) && e.same_issuer != Some(true)
}

fn current(e: Evidence) -> bool {
    e.name_covered == Some(true) && e.validity == Some(Validity::Current)
}

impl Evidence {
    /// Returns the causes that fit this evidence, the likeliest first, or
    /// [`CannotTell`](Cause::CannotTell) if none fits.
    pub fn causes(&self) -> Vec<Cause> {
        let mut causes: Vec<_> =
            TABLE.iter().filter(|(_, holds)| holds(self)).map(|(cause, _)| *cause).collect();
        if causes.is_empty() {
            causes.push(Cause::CannotTell);
        }
        causes
    }
}

impl Cause {
    /// Returns what happened, as text that can follow "probably".
    pub fn explanation(self) -> &'static str {
        match self {
            Self::PinOfKey => "the pin was made from the public key, not from the certificate",
            Self::PinOfPemText => "the pin was made from the PEM text, not from the DER",
            Self::PinOfIssuer => "the pin is that of the issuer, not of the server's certificate",
            Self::OtherServer => {
                "another server answers, or the router has no certificate for this name"
            }
            Self::StaleCertificate => "the server still presents its old certificate, now expired",
            Self::EarlyCertificate => {
                "the server presents a certificate that is not valid yet, or this clock is wrong"
            }
            Self::Replaced => "the certificate was replaced by a new one of a public CA",
            Self::Reissued => "the certificate was renewed by the same CA",
            Self::ClusterRemade => {
                "the cluster created new certificates for itself (bootstrap or domain migration)"
            }
            Self::ReplacedUnvouched => "the certificate was replaced (renewed or migrated)",
            Self::Intercepted => {
                "something between this client and the server answers in its place"
            }
            Self::CannotTell => "the cause is unknown",
        }
    }

    /// Returns what to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PinOfKey | Self::PinOfPemText | Self::PinOfIssuer => {
                "compare with the certificate file, then store the SHA-256 of its DER as TLSPin"
            }
            Self::OtherServer => "check the DNS and the routes of this name, and keep the pin",
            Self::StaleCertificate => {
                "install the renewed certificate on every route and node, and keep the pin"
            }
            Self::EarlyCertificate => "check this clock, then the certificate, and keep the pin",
            Self::Replaced | Self::Reissued => {
                "compare with the certificate file that was installed, then store the new pin as TLSPin"
            }
            Self::ReplacedUnvouched => {
                "compute the pin of the installed certificate file; if it is the presented one, store \
                 it as TLSPin"
            }
            Self::ClusterRemade => {
                "find out who did it, compare with the certificate on the server itself, then store \
                 the new pin as TLSPin"
            }
            Self::Intercepted => "keep the pin: look for a proxy, try another network",
            Self::CannotTell => {
                "compare with the certificate on the server itself before storing a new pin"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Valid now, for the name, and issued by an unknown private CA.
    const PLAIN: Evidence = Evidence {
        name_covered: Some(true),
        publicly_trusted: Some(false),
        same_issuer: None,
        issued_by_flynn: false,
        validity: Some(Validity::Current),
        pin_mistake: None,
    };

    fn likeliest(evidence: Evidence) -> Cause {
        evidence.causes()[0]
    }

    #[test]
    fn a_pin_of_the_key() {
        assert_eq!(
            likeliest(Evidence { pin_mistake: Some(PinMistake::PublicKey), ..PLAIN }),
            Cause::PinOfKey
        );
    }

    #[test]
    fn a_pin_of_the_pem_text() {
        let evidence = Evidence { pin_mistake: Some(PinMistake::PemText), ..PLAIN };
        assert_eq!(likeliest(evidence), Cause::PinOfPemText);
    }

    #[test]
    fn a_pin_of_the_issuer() {
        let evidence = Evidence { pin_mistake: Some(PinMistake::Issuer), ..PLAIN };
        assert_eq!(likeliest(evidence), Cause::PinOfIssuer);
    }

    #[test]
    fn a_wrong_pin_by_mistake_wins_over_everything_else() {
        let expired = Evidence { validity: Some(Validity::Past), ..PLAIN };
        let evidence = Evidence { pin_mistake: Some(PinMistake::PublicKey), ..expired };
        assert_eq!(evidence.causes(), [Cause::PinOfKey, Cause::StaleCertificate]);
    }

    #[test]
    fn a_name_that_is_not_covered() {
        for validity in [Validity::Past, Validity::Current, Validity::Future] {
            let evidence =
                Evidence { name_covered: Some(false), validity: Some(validity), ..PLAIN };
            assert_eq!(evidence.causes(), [Cause::OtherServer]);
        }
    }

    #[test]
    fn an_expired_certificate_for_the_name() {
        for publicly_trusted in [Some(true), Some(false), None] {
            let evidence = Evidence { validity: Some(Validity::Past), publicly_trusted, ..PLAIN };
            assert_eq!(evidence.causes(), [Cause::StaleCertificate]);
        }
    }

    #[test]
    fn a_certificate_of_the_future() {
        let evidence = Evidence { validity: Some(Validity::Future), ..PLAIN };
        assert_eq!(evidence.causes(), [Cause::EarlyCertificate]);
    }

    #[test]
    fn a_public_certificate_for_the_name() {
        for same_issuer in [Some(true), Some(false), None] {
            let evidence = Evidence { publicly_trusted: Some(true), same_issuer, ..PLAIN };
            assert_eq!(evidence.causes(), [Cause::Replaced]);
        }
    }

    #[test]
    fn a_private_certificate_of_the_same_issuer() {
        for publicly_trusted in [Some(false), None] {
            let evidence = Evidence { publicly_trusted, same_issuer: Some(true), ..PLAIN };
            assert_eq!(evidence.causes(), [Cause::Reissued]);
        }
    }

    #[test]
    fn a_certificate_of_another_flynn_ca() {
        let evidence = Evidence { issued_by_flynn: true, ..PLAIN };
        assert_eq!(evidence.causes(), [Cause::ClusterRemade]);
        // A different known CA also indicates an impostor, with lower priority.
        let evidence = Evidence { same_issuer: Some(false), ..evidence };
        assert_eq!(evidence.causes(), [Cause::ClusterRemade, Cause::Intercepted]);
        // A certificate for another domain, which the router presents after a migration.
        let evidence = Evidence { name_covered: Some(false), same_issuer: None, ..evidence };
        assert_eq!(evidence.causes(), [Cause::OtherServer, Cause::ClusterRemade]);
    }

    #[test]
    fn a_private_certificate_of_another_issuer() {
        let evidence = Evidence { same_issuer: Some(false), ..PLAIN };
        assert_eq!(evidence.causes(), [Cause::Intercepted, Cause::ReplacedUnvouched]);
    }

    #[test]
    fn a_certificate_for_the_name_that_nothing_vouches_for() {
        for publicly_trusted in [Some(false), None] {
            let evidence = Evidence { publicly_trusted, ..PLAIN };
            assert_eq!(evidence.causes(), [Cause::ReplacedUnvouched, Cause::Intercepted]);
        }
        // It is unknown whether the other issuer is a public CA.
        let evidence = Evidence { publicly_trusted: None, same_issuer: Some(false), ..PLAIN };
        assert_eq!(evidence.causes(), [Cause::ReplacedUnvouched]);
    }

    #[test]
    fn too_little_evidence() {
        for evidence in [
            Evidence::default(),
            Evidence { name_covered: None, ..PLAIN },
            Evidence { name_covered: None, publicly_trusted: Some(true), ..PLAIN },
            Evidence { name_covered: None, same_issuer: Some(true), ..PLAIN },
            Evidence { validity: None, ..PLAIN },
        ] {
            assert_eq!(evidence.causes(), [Cause::CannotTell], "{evidence:?}");
        }
    }

    #[test]
    fn no_evidence_names_a_cause_twice() {
        const MAYBE: [Option<bool>; 3] = [Some(true), Some(false), None];
        for (publicly_trusted, same_issuer) in MAYBE.iter().flat_map(|a| MAYBE.map(|b| (*a, b))) {
            for issued_by_flynn in [true, false] {
                let evidence = Evidence { publicly_trusted, same_issuer, issued_by_flynn, ..PLAIN };
                let causes = evidence.causes();
                let different: HashSet<_> = causes.iter().collect();
                assert!(different.len() == causes.len() && causes != [Cause::CannotTell]);
            }
        }
    }

    /// An attacker chooses most of the evidence.
    #[test]
    fn nobody_is_told_to_store_a_pin_before_comparing_it() {
        for (cause, _) in TABLE {
            let remedy = cause.remedy();
            let compares = ["compare with", "compute the pin of the installed", "do not"]
                .iter()
                .find_map(|words| remedy.find(words));
            if let Some(stores) = remedy.find("store ") {
                assert!(compares.is_some_and(|at| at < stores), "{cause:?}: {remedy}");
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_documented() {
        let page = include_str!("mismatch.rs");
        for (cause, _) in TABLE {
            assert!(page.contains(&format!("[`{cause:?}`](Cause::{cause:?})")), "{cause:?}");
        }
    }
}
