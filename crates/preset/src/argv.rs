//! Argument lists of ffmpeg, built from words of this crate and numbers alone.
//! It must never take a `&str` of unknown origin: [`Text`] is made from `'static` words and numbers only.

/// One argument: words of this crate and numbers, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(String);

/// Joins words and numbers to one [`Text`]: `text!["scale=", width, ":", height]`.
macro_rules! text {
    ($($part:expr),+ $(,)?) => {{
        let mut text = $crate::argv::Text::empty();
        $(text = text.then($part);)+
        text
    }};
}
pub(crate) use text;

impl Text {
    /// An argument with nothing in it yet.
    pub(crate) fn empty() -> Self {
        Self(String::new())
    }

    /// This with `part` behind it.
    pub(crate) fn then(mut self, part: impl Into<Self>) -> Self {
        self.0.push_str(&part.into().0);
        self
    }

    /// This with `words` behind it, commas between them.
    pub(crate) fn joined(mut self, words: impl Iterator<Item = &'static str>) -> Self {
        self.0.push_str(&words.collect::<Vec<_>>().join(","));
        self
    }
}

impl From<&'static str> for Text {
    fn from(word: &'static str) -> Self {
        Self(word.to_owned())
    }
}

impl From<u32> for Text {
    fn from(number: u32) -> Self {
        Self(number.to_string())
    }
}

impl From<i64> for Text {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<f64> for Text {
    /// At most six decimals; Rust never writes an exponent here.
    fn from(number: f64) -> Self {
        let fixed = format!("{number:.6}");
        Self(fixed.trim_end_matches('0').trim_end_matches('.').to_owned())
    }
}

/// Filters of one chain, joined by commas.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(Vec<Text>);

impl Filters {
    /// This with `filter` as its next step.
    pub(crate) fn then(mut self, filter: impl Into<Text>) -> Self {
        self.0.push(filter.into());
        self
    }

    /// This with `filter` as its first step.
    pub(crate) fn before(mut self, filter: impl Into<Text>) -> Self {
        self.0.insert(0, filter.into());
        self
    }

    /// This with the steps of `filters` behind its own.
    pub(crate) fn append(mut self, filters: Self) -> Self {
        self.0.extend(filters.0);
        self
    }
}

impl From<Filters> for Text {
    fn from(filters: Filters) -> Self {
        Self(filters.0.into_iter().map(|text| text.0).collect::<Vec<_>>().join(","))
    }
}

/// A list of arguments under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Args(Vec<String>);

impl Args {
    /// This with fixed words behind it.
    pub(crate) fn words(mut self, words: &[&'static str]) -> Self {
        self.0.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// This with one option and its value behind it.
    pub(crate) fn option(mut self, name: &'static str, value: impl Into<Text>) -> Self {
        self.0.extend([name.to_owned(), value.into().0]);
        self
    }

    /// This with the arguments of `args` behind its own.
    pub(crate) fn append(mut self, args: Self) -> Self {
        self.0.extend(args.0);
        self
    }

    /// This with the location of the output behind it; the one way in for a string that is not ours, and
    /// the worker made it.
    pub(crate) fn location(mut self, location: &str) -> Self {
        self.0.push(location.to_owned());
        self
    }

    /// The finished list.
    pub(crate) fn finish(self) -> Vec<String> {
        self.0
    }
}

/// What a preset adds to the fixed frame of an ffmpeg call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Options in front of `-i`: seeking and how much is read.
    pub(crate) input: Args,
    /// Options behind `-i`: streams, filters, codecs, muxer.
    pub(crate) output: Args,
    /// Whether the pass prints figures that the next one needs, at log level `info`.
    pub(crate) measures: bool,
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_plain() {
        assert_eq!(
            text!["a=", 0.1, ":", -23.0, ":", 1e-7, ":", 1e9, ":", 7_u32].0,
            "a=0.1:-23:0:1000000000:7"
        );
    }
}
