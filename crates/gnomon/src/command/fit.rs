//! `gnomon fit`: maximum likelihood, AIC and BIC.

use std::path::Path;

use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::infer::fit::Fit;
use gnomon::stage::fit;
use serde_json::json;

use super::Session;
use super::ask::data_sets;
use super::output::significant;
use super::study::read;

/// Fits the study's own data, or those of a file.
pub fn one(session: &Session, path: &Path, observed: Option<&Path>) -> Result<(), Failure> {
    let context = read(session, path)?;
    let data = match observed {
        Some(file) => context.study.read_observed(file)?,
        None => context.data()?.to_vec(),
    };
    let fits = fit::one(&context, &data)?;
    let (aic, bic) = (fits.weights(Fit::aic), fits.weights(Fit::bic));
    let several = fits.each.len() > 1;
    let mut text = format!(
        "{:<22}{:>11}{:>4}{:>10}{}{:>10}{}{:>10}  starts that agree\n",
        "Maximum likelihood",
        "ln L",
        "k",
        "AIC",
        if several { "  weight" } else { "" },
        "BIC",
        if several { "  weight" } else { "" },
        "AICc",
    );
    let mut mechanisms = Vec::new();
    for (number, (mechanism, found)) in context.study.mechanisms.iter().zip(&fits.each).enumerate()
    {
        let fit = match found {
            Ok(fit) => fit,
            Err(why) => {
                text += &format!("  {:<20}not fitted: {why}\n", mechanism.name);
                mechanisms.push(json!({ "name": mechanism.name, "because": why }));
                continue;
            }
        };
        let weight = |weights: &[f64]| match several {
            true if weights[number].is_nan() => "       -".to_owned(),
            true => format!("{:>8.3}", weights[number]),
            false => String::new(),
        };
        text += &format!(
            "  {:<20}{:>11.3}{:>4}{:>10.3}{}{:>10.3}{}{:>10.3}  {} of {}\n",
            mechanism.name,
            fit.log_likelihood,
            fit.free,
            fit.aic(),
            weight(&aic),
            fit.bic(),
            weight(&bic),
            fit.aicc(),
            fit.agreeing,
            fit.starts
        );
        let parameters = mechanism.parameters.iter().zip(&fit.parameters);
        let told = parameters.clone().map(|(parameter, &value)| {
            let edge = match fit.at_edge.contains(&parameter.name) {
                true => " (at the edge of its prior)",
                false => "",
            };
            format!("{} {}{edge}", parameter.name, significant(value))
        });
        text += &format!("    {}\n", told.collect::<Vec<_>>().join(", "));
        let parameters: serde_json::Map<String, serde_json::Value> = parameters
            .map(|(parameter, &value)| (parameter.name.clone(), value.into()))
            .collect();
        mechanisms.push(json!({
            "name": mechanism.name, "log_likelihood": fit.log_likelihood, "free": fit.free,
            "data": fit.data, "aic": fit.aic(), "aicc": fit.aicc(), "bic": fit.bic(),
            "aic_weight": aic[number], "bic_weight": bic[number], "agreeing": fit.agreeing, "starts": fit.starts,
            "at_edge": fit.at_edge, "parameters": parameters, "calls": fit.calls,
        }));
    }
    if let Some(why) = &fits.incomparable {
        text +=
            &format!("\nThe criteria of different mechanisms cannot be compared, since {why}\n");
    }
    let value = json!({ "mechanisms": mechanisms, "incomparable": fits.incomparable });
    session.output.result(&text, &value)
}

/// Fits many data sets: one row of numbers each.
pub fn each(session: &Session, path: &Path, each: &Path, folder: &Path) -> Result<(), Failure> {
    let context: Context = read(session, path)?;
    let data = data_sets(&context, each)?;
    let began = std::time::Instant::now();
    let table = fit::each(&context, &data)?;
    let seconds = began.elapsed().as_secs_f64();
    table
        .write(folder, "fits")
        .map_err(|error| Failure::Outside(error.to_string()))?;
    let (rows, file) = (data[0].len(), folder.join("fits.csv"));
    let text = format!(
        "{rows} data sets fitted in {seconds:.1} s: {} and .parquet",
        file.display()
    );
    let value = json!({ "data_sets": rows, "seconds": seconds, "fits": file });
    session.output.result(&text, &value)
}
