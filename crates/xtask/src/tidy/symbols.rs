//! Whether a program has code of a crate in it.
//!
//! Symbol names and debug line tables both name the crate, in plain bytes; a program that is not stripped
//! has them even where everything was inlined. A stripped program proves nothing and is a complaint.

/// Any of these in a program says that it holds code of the crate that signs.
const OF_MINT: [&str; 2] = ["valet_mint", "crates/mint/src"];
/// A program that must not be able to sign.
#[derive(Clone, Copy)]
pub(super) struct Keyless<'a> {
    /// Its name, which is its crate's with a hyphen.
    pub(super) name: &'static str,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

/// Complaints about the programs: each of `keyless` must have nothing of the crate that signs, and `producer`
/// must, which shows that the search finds it.
pub(super) fn complaints(keyless: &[Keyless<'_>], producer: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = keyless.iter().copied().flat_map(of_keyless).collect();
    if !contains(producer, OF_MINT[0]) {
        lines.push("the program valet shows nothing of valet_mint: the search is blind".to_owned());
    }
    lines
}

fn of_keyless(program: Keyless<'_>) -> Vec<String> {
    let Keyless { name, bytes } = program;
    let found = OF_MINT.iter().filter(|&part| contains(bytes, part));
    let mut lines: Vec<String> =
        found.map(|part| format!("the program {name} has `{part}` in it: it can sign")).collect();
    // In a program that is not stripped its own crate shows.
    if !contains(bytes, &name.replace('-', "_")) {
        lines.push(format!("the program {name} is stripped: nothing is proven about it"));
    }
    lines
}

fn contains(program: &[u8], name: &str) -> bool {
    memchr::memmem::find(program, name.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &[u8] = b"\x7fELF _ZN12valet_worker3run";
    const DISPATCH: &[u8] = b"\x7fELF _ZN14valet_dispatch3run";
    const PRODUCER: &[u8] = b"\x7fELF _ZN10valet_mint4sign";

    fn of(worker: &[u8], dispatch: &[u8], producer: &[u8]) -> Vec<String> {
        let worker = Keyless { name: "valet-worker", bytes: worker };
        complaints(&[worker, Keyless { name: "valet-dispatch", bytes: dispatch }], producer)
    }

    #[test]
    fn each_in_its_place_is_fine() {
        assert_eq!(of(WORKER, DISPATCH, PRODUCER), [""; 0]);
    }

    #[test]
    fn a_worker_with_the_signers_code_is_red() {
        let linked = [WORKER, b"_RNvCs1_10valet_mint4sign"].concat();
        assert!(of(&linked, DISPATCH, PRODUCER)[0].contains("`valet_mint`"));
        let inlined = [WORKER, b"/src/crates/mint/src/sign.rs"].concat();
        assert!(of(&inlined, DISPATCH, PRODUCER)[0].contains("`crates/mint/src`"));
    }

    #[test]
    fn the_producer_in_the_workers_place_is_red() {
        assert!(of(PRODUCER, DISPATCH, PRODUCER).iter().any(|line| line.contains("it can sign")));
    }

    #[test]
    fn a_dispatcher_with_the_signers_code_is_red() {
        let linked = [DISPATCH, b"_RNvCs1_10valet_mint4sign"].concat();
        assert!(of(WORKER, &linked, PRODUCER)[0].contains("valet-dispatch has `valet_mint`"));
    }

    #[test]
    fn a_stripped_worker_or_a_blind_search_is_red() {
        assert!(of(b"\x7fELF", DISPATCH, PRODUCER)[0].contains("stripped"));
        assert!(of(WORKER, DISPATCH, b"\x7fELF")[0].contains("blind"));
    }
}
