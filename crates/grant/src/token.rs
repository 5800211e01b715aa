//! skeleton
/// A parsed SAS.
pub struct SasToken {}
