//! What differs between the releases of Flynn.

/// Which release of Flynn the mock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerAge {
    /// v20161015.2, the guide's.
    V2016,
    /// v20210218.0, the last upstream one.
    #[default]
    V2021,
}
