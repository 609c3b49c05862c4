//! Which products of polynomials an expansion may have: hyperbolic index sets (Blatman & Sudret 2011,
//! equation 15).

use gnomon_mechanism::elementary::{exp, ln};

/// A product of univariate polynomials: (input, degree), degrees from 1, inputs in order. Without factors
/// it is the constant.
pub(in crate::surrogate) type Term = Vec<(usize, usize)>;

/// All terms with (sum of degree^share)^(1/share) at most `degree`, and each degree at most that of its
/// input; the constant first, then by total degree. `None` where they are more than `most`.
pub(super) fn hyperbolic(
    degrees: &[usize],
    degree: usize,
    share: f64,
    most: usize,
) -> Option<Vec<Term>> {
    let power = |k: usize| {
        if share == 1.0 {
            k as f64
        } else {
            exp(share * ln(k as f64))
        }
    };
    let budget = power(degree) * (1.0 + 1e-12);
    let mut terms: Vec<Term> = vec![Vec::new()];
    // Terms of which the last factor may be followed by one of a later input.
    let mut open: Vec<(Term, f64)> = vec![(Vec::new(), 0.0)];
    while let Some((term, used)) = open.pop() {
        let first = term.last().map_or(0, |&(input, _)| input + 1);
        for (input, &highest) in degrees.iter().enumerate().skip(first) {
            for k in 1..=highest.min(degree) {
                let used = used + power(k);
                if used > budget {
                    break;
                }
                let mut longer = term.clone();
                longer.push((input, k));
                terms.push(longer.clone());
                if terms.len() > most {
                    return None;
                }
                open.push((longer, used));
            }
        }
    }
    terms.sort_by_key(|term| (term.iter().map(|&(_, k)| k).sum::<usize>(), term.clone()));
    Some(terms)
}

/// The value of a term, from the values of all polynomials.
pub(in crate::surrogate) fn value(term: &Term, values: &[Vec<f64>]) -> f64 {
    term.iter().map(|&(input, k)| values[input][k]).product()
}

/// Adds `factor` times the derivatives of a term, from the values and slopes of all polynomials.
pub(in crate::surrogate) fn add_slopes(
    term: &Term,
    factor: f64,
    [values, slopes]: [&[Vec<f64>]; 2],
    to: &mut [f64],
) {
    for &(input, degree) in term {
        let others = term.iter().filter(|&&(other, _)| other != input);
        let product: f64 = others.map(|&(i, k)| values[i][k]).product();
        to[input] += factor * product * slopes[input][degree];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_sets_have_the_known_sizes() {
        // Total degree 3 of 8 inputs: 11 choose 3.
        let total = hyperbolic(&[3; 8], 3, 1.0, 1000).unwrap();
        assert_eq!(total.len(), 165);
        assert!(total[0].is_empty());
        assert_eq!(hyperbolic(&[3; 8], 3, 1.0, 164), None);
        // Half norm, degree 4 of 2 inputs: 4 + 4 alone, and x y, as 1 + 1 = 4^(1/2).
        assert_eq!(hyperbolic(&[4; 2], 4, 0.5, 1000).unwrap().len(), 10);
        // An input with two values has degree 1 only.
        assert_eq!(hyperbolic(&[1, 2], 2, 1.0, 1000).unwrap().len(), 5);
    }
}
