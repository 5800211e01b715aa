//! Whether a program has code of a crate in it.
//!
//! Symbol names and debug line tables both name the crate, in plain bytes; a program that is not stripped
//! has them even where everything was inlined. A stripped program proves nothing and is a complaint.

/// Any of these in a program says that it holds code of the crate that signs.
const OF_MINT: [&str; 2] = ["valet_mint", "crates/mint/src"];
/// In a worker that is not stripped.
const OF_WORKER: &str = "valet_worker";

/// Complaints about the two programs: `worker` must have nothing of the crate that signs, and `producer`
/// must, which shows that the search finds it.
pub(super) fn complaints(worker: &[u8], producer: &[u8]) -> Vec<String> {
    let found = OF_MINT.iter().filter(|&name| contains(worker, name));
    let mut lines: Vec<String> =
        found.map(|name| format!("the program valet-worker has `{name}` in it: it can sign")).collect();
    if !contains(worker, OF_WORKER) {
        lines.push("the program valet-worker is stripped: nothing is proven about it".to_owned());
    }
    if !contains(producer, OF_MINT[0]) {
        lines.push("the program valet shows nothing of valet_mint: the search is blind".to_owned());
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
    const PRODUCER: &[u8] = b"\x7fELF _ZN10valet_mint4sign";

    #[test]
    fn each_in_its_place_is_fine() {
        assert_eq!(complaints(WORKER, PRODUCER), [""; 0]);
    }

    #[test]
    fn a_worker_with_the_signers_code_is_red() {
        let linked = [WORKER, b"_RNvCs1_10valet_mint4sign"].concat();
        assert!(complaints(&linked, PRODUCER)[0].contains("`valet_mint`"));
        let inlined = [WORKER, b"/src/crates/mint/src/sign.rs"].concat();
        assert!(complaints(&inlined, PRODUCER)[0].contains("`crates/mint/src`"));
    }

    #[test]
    fn the_producer_in_the_workers_place_is_red() {
        assert!(complaints(PRODUCER, PRODUCER).iter().any(|line| line.contains("it can sign")));
    }

    #[test]
    fn a_stripped_worker_or_a_blind_search_is_red() {
        assert!(complaints(b"\x7fELF", PRODUCER)[0].contains("stripped"));
        assert!(complaints(WORKER, b"\x7fELF")[0].contains("blind"));
    }
}
