//! The seal on test pools: their seed is a hash of the network's weights and the claims, so that no
//! one chooses it, and changing either changes the pool. The caller counts attempts.

use crate::Claim;

/// A digest of the network's weights (their serialised bytes).
#[must_use]
pub fn weights_digest(weights: &[u8]) -> [u8; 32] {
    *blake3::hash(weights).as_bytes()
}

/// The seed of the sealed test pool of `claims` about the network with this digest.
///
/// # Errors
/// When a claim cannot be written as JSON.
pub fn test_seed(weights: &[u8; 32], claims: &[Claim]) -> Result<u64, serde_json::Error> {
    let mut hasher = blake3::Hasher::new_derive_key("gnomon 1 sealed test pool");
    hasher.update(weights);
    hasher.update(&serde_json::to_vec(claims)?);
    let digest = hasher.finalize();
    let mut seed = [0; 8];
    seed.copy_from_slice(&digest.as_bytes()[..8]);
    Ok(u64::from_le_bytes(seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assertion, Family, Level, Subject};

    fn claim(tolerance: f64) -> Claim {
        Claim {
            name: "a".into(),
            statement: "A.".into(),
            family: Family::Accuracy,
            subject: Subject::Amortized,
            level: Level::ThisNetwork,
            population: "p".into(),
            statistic: "s".into(),
            assertion: Assertion::UniformWithin { tolerance },
            error_rate: 0.05,
            most_inputs: 10,
        }
    }

    #[test]
    fn the_seed_depends_on_weights_and_claims_only() {
        let weights = weights_digest(b"weights");
        let seed = |w: &[u8; 32], t: f64| test_seed(w, &[claim(t)]).unwrap();
        assert_eq!(seed(&weights, 0.1), seed(&weights, 0.1));
        assert_ne!(seed(&weights, 0.1), seed(&weights, 0.2));
        assert_ne!(seed(&weights, 0.1), seed(&weights_digest(b"other"), 0.1));
    }
}
