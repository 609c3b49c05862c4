//! A shard's file name: `first-end.checksum.parquet`, so that a listing says what is there.

use std::fmt;

/// What a shard's name says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardName {
    /// First simulation.
    pub first: u64,
    /// One past the last simulation.
    pub end: u64,
    /// BLAKE3 of the file's bytes, its first 128 bits in hex.
    pub checksum: String,
}

/// The checksum of a shard's bytes, as its name holds it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_string()
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Twelve digits: names sort as their simulations do.
        write!(
            f,
            "{:012}-{:012}.{}.parquet",
            self.first, self.end, self.checksum
        )
    }
}

impl ShardName {
    /// Reads a file name; the error says why it is no shard's.
    pub fn parse(name: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = name.split('.');
            let (first, end) = parts.next()?.split_once('-')?;
            let read = Self {
                first: first.parse().ok()?,
                end: end.parse().ok()?,
                checksum: parts.next()?.to_string(),
            };
            (parts.next() == Some("parquet") && parts.next().is_none()).then_some(read)
        };
        match read() {
            // Only the canonical spelling: `+7` and missing zeros parse as numbers too.
            Some(read) if read.to_string() == name && read.first < read.end => Ok(read),
            _ => Err("its name is not FIRST-END.CHECKSUM.parquet".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        let name = ShardName {
            first: 1000,
            end: 2000,
            checksum: checksum(b"x"),
        };
        assert_eq!(ShardName::parse(&name.to_string()), Ok(name));
        for bad in [
            "",
            "a.parquet",
            "1-2.ab.parquet",
            "000000000002-000000000002.ab.parquet",
            "000000000001-000000000002.ab.csv",
        ] {
            assert!(ShardName::parse(bad).is_err(), "{bad}");
        }
    }
}
