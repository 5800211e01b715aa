//! Words for spans of time in findings. Rounds down; never used to decide.

use jiff::SignedDuration;

/// `3 d`, `36 h`, `90 min` or `12 s`: the largest unit of which there are at least two.
pub(crate) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        172_800.. => format!("{} d", seconds / 86_400),
        7_200.. => format!("{} h", seconds / 3_600),
        120.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_a_person_says_them() {
        for (seconds, words) in
            [(-5, "0 s"), (90, "90 s"), (5_400, "90 min"), (86_400, "24 h"), (864_000, "10 d")]
        {
            assert_eq!(span(SignedDuration::from_secs(seconds)), words);
        }
    }
}
