//! What the risks mean.

use gnomon_examine::convergence::{Convergence, Outlook, WORTH};
use gnomon_report::content::Converging;
use gnomon_report::draw::number;

/// Where no data set could be judged.
pub(super) fn nothing() -> String {
    "No exact posterior was found for any of the data sets.".into()
}

/// How the risk falls, where it ends, and whether more simulations would help.
pub(super) fn sentence(own: &Converging, found: &Convergence) -> String {
    let mut parts = Vec::new();
    if !own.because.is_empty() {
        parts.push(format!(
            "No exact predictor is known, since {}: what is shown is the loss on fresh data sets.",
            own.because
        ));
    }
    if own.rate.is_nan() {
        let needed = if own.is_excess { "three" } else { "four" };
        parts.push(format!(
            "A rate is fitted to {needed} numbers of simulations or more{}.",
            if own.is_excess {
                " at which there is an excess"
            } else {
                ""
            }
        ));
        return parts.join(" ");
    }
    let rate = format!(
        "{} (95 % interval {})",
        number::significant(own.rate, 2),
        number::interval(own.rate_interval, 2)
    );
    let floor = number::interval(own.floor_interval, 2);
    parts.push(match (own.is_excess, found.has_floor()) {
        (true, true) => format!(
            "The excess falls with rate {rate} to a floor of {} nats ({floor}), at which no number of \
             simulations helps: only a larger network or a longer training might.",
            number::significant(own.floor, 2)
        ),
        (true, false) if own.floor_interval[1] > 0.0 && own.floor_interval[1].is_finite() => format!(
            "The excess falls as n^-b with rate b = {rate}. No floor is visible: it lies below {} nats.",
            number::significant(own.floor_interval[1], 2)
        ),
        // The last steps are steeper than the first ones: the opposite of a floor.
        (true, false) if own.floor_interval[1].is_finite() => {
            format!("The excess falls as n^-b with rate b = {rate}. No floor is visible.")
        }
        (true, false) => format!(
            "The excess falls as n^-b with rate b = {rate}. Whether it ends at a floor takes four numbers \
             of simulations."
        ),
        (false, _) => format!(
            "The loss falls with rate {rate} to a fitted asymptote of {} nats ({floor}): the least that this \
             recipe would reach, which may be above the exact predictor's.",
            number::significant(own.floor, 3)
        ),
    });
    let gain = format!(
        "ten times as many would bring {} nats ({})",
        number::significant(own.gain, 2),
        number::interval(own.gain_interval, 2)
    );
    let worth = number::significant(WORTH, 1);
    parts.push(match found.outlook() {
        Outlook::Helps => format!("More simulations would help: {gain}."),
        Outlook::NoLonger => {
            format!("More simulations would no longer help: {gain}, less than {worth}.")
        }
        Outlook::Unclear | Outlook::Unknown => {
            format!("Whether more simulations would help is open: {gain}; {worth} is held to be worth it.")
        }
    });
    parts.join(" ")
}
