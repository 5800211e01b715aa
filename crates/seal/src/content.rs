//! What is sealed: `{"input": "https://…", "output": "https://…"}`.
//! Must never leave a copy in memory that is not wiped, as far as this code decides.

use serde::{Deserialize, Serialize};
use valet_grant::GrantUrl;
use zeroize::Zeroizing;

use crate::OpenError;

#[derive(Serialize)]
struct Written<'a> {
    input: &'a str,
    output: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    input: GrantUrl,
    output: GrantUrl,
}

/// The two grants as JSON.
pub(crate) fn write(input: &GrantUrl, output: &GrantUrl) -> Zeroizing<Vec<u8>> {
    let (input, output) = (input.expose_url(), output.expose_url());
    // Reserved whole, were every byte written as \u00xx: a buffer that grows leaves copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(6 * (input.len() + output.len()) + 64));
    serde_json::to_writer(&mut *json, &Written { input, output }).expect("two texts are always JSON");
    json
}

/// The two grants out of JSON.
pub(crate) fn read(json: &[u8]) -> Result<(GrantUrl, GrantUrl), OpenError> {
    // serde_json's error may repeat what it met, and is dropped.
    let Read { input, output } = serde_json::from_slice(json).map_err(|_| OpenError::Content)?;
    Ok((input, output))
}
