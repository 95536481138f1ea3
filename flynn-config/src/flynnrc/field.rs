//! The keys of a cluster entry, and how the original matches them.

/// A key of a `[[cluster]]` entry, in the order in which the original writes them
/// (`DashboardURL` and `Context` are additions of the fork).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    OAuthUrl,
    DashboardUrl,
    Key,
    TlsPin,
    ControllerUrl,
    GitUrl,
    ImageUrl,
    DockerPushUrl,
    Context,
}

impl Field {
    pub(crate) const COUNT: usize = 10;

    pub(crate) const ALL: [Field; Field::COUNT] = [
        Field::Name,
        Field::OAuthUrl,
        Field::DashboardUrl,
        Field::Key,
        Field::TlsPin,
        Field::ControllerUrl,
        Field::GitUrl,
        Field::ImageUrl,
        Field::DockerPushUrl,
        Field::Context,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Field::Name => "Name",
            Field::OAuthUrl => "OAuthURL",
            Field::DashboardUrl => "DashboardURL",
            Field::Key => "Key",
            Field::TlsPin => "TLSPin",
            Field::ControllerUrl => "ControllerURL",
            Field::GitUrl => "GitURL",
            Field::ImageUrl => "ImageURL",
            Field::DockerPushUrl => "DockerPushURL",
            Field::Context => "Context",
        }
    }

    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| folds_to(key, field.as_str()))
    }

    /// The original writes these even when they are empty.
    pub(crate) fn is_always_written(self) -> bool {
        matches!(self, Field::Name | Field::ControllerUrl | Field::GitUrl | Field::ImageUrl)
    }
}

/// Whether `key` is `ascii` to Go's `strings.EqualFold`: besides the case of letters, it takes
/// the Kelvin sign for a `k` and the long s for an `s`.
pub(crate) fn folds_to(key: &str, ascii: &str) -> bool {
    let mut expected = ascii.bytes();
    key.chars().all(|c| {
        let c = match c {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            c => c,
        };
        expected.next().is_some_and(|b| c.eq_ignore_ascii_case(&char::from(b)))
    }) && expected.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fold_as_in_go() {
        assert_eq!(Field::of_key("tlspin"), Some(Field::TlsPin));
        assert_eq!(Field::of_key("TL\u{17f}PIN"), Some(Field::TlsPin));
        assert_eq!(Field::of_key("\u{212a}ey"), Some(Field::Key));
        assert_eq!(Field::of_key("TLSPins"), None);
        assert_eq!(Field::of_key("TLSPi"), None);
        assert_eq!(Field::of_key("n\u{e4}me"), None);
    }
}
