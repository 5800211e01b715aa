//! `valet`: the producer's command. Everything is in the library; must stay an entrance.

use std::process::ExitCode;

fn main() -> ExitCode {
    valet_blob::http::install_crypto();
    valet_producer::cli::main()
}
