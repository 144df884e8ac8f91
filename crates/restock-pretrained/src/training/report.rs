//! What a training says of itself: to a reader while it runs, and in `log.csv` of its checkpoint.

use std::fmt::{Display, Formatter};
use std::io::Write;
use std::path::Path;

use super::TrainingError;
use super::losses::Losses;
use super::validation::Validation;
use crate::config::{LEVELS, N_LEVELS};

/// Name of the log in the checkpoint's folder.
pub const LOG_FILE: &str = "log.csv";

/// Means over the steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepsReport {
    /// Steps done in all runs.
    pub step: u64,
    /// Seconds of training in all runs.
    pub seconds: f64,
    /// Series seen in all runs.
    pub n_series: u64,
    /// Losses.
    pub losses: Losses,
    /// Length of the gradient before it was bounded.
    pub gradient_norm: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Milliseconds of a step.
    pub ms_per_step: f64,
    /// Milliseconds of a step spent waiting for its batch.
    pub ms_waited: f64,
    /// Series a second.
    pub series_per_second: f64,
    /// 10¹² floating-point operations a second.
    pub tflops_per_second: f64,
    /// Steps whose gradient was not finite.
    pub n_broken: u64,
}

/// A validation and when it was.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationReport {
    /// Steps done.
    pub step: u64,
    /// Seconds of training in all runs.
    pub seconds: f64,
    /// Series seen.
    pub n_series: u64,
    /// What was found.
    pub validation: Validation,
}

/// What happens in a training, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// This many steps are done in all runs.
    Step(u64),
    /// Every few seconds.
    Steps(StepsReport),
    /// The averaged weights were validated; a checkpoint is written.
    Validated(Box<ValidationReport>),
    /// The time given is over.
    OutOfTime,
}

impl Display for StepsReport {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        let Losses { marginal, cumulative, any_demand, .. } = self.losses;
        write!(
            f,
            "step {:>7}  {:>6.0} s  loss {:.4} (marginal {marginal:.4}, cumulative {cumulative:.4}, any \
             {any_demand:.4})  gradient {:.3}  rate {:.2e}  {:.1} ms/step, {:.1} waiting  {:.0} series/s  {:.2} TFLOP/s",
            self.step,
            self.seconds,
            self.losses.total(),
            self.gradient_norm,
            self.learning_rate,
            self.ms_per_step,
            self.ms_waited,
            self.series_per_second,
            self.tflops_per_second,
        )?;
        if 0 < self.n_broken { write!(f, "  {} GRADIENTS NOT FINITE", self.n_broken) } else { Ok(()) }
    }
}

impl Display for ValidationReport {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        let [marginal, cumulative] = self.validation.pinball;
        let [at_marginal, at_cumulative] = self
            .validation
            .coverage
            .map(|coverage| [0, 2, 6, 10, 14, 18, 20].map(|level| format!("{:.3}", coverage[level])).join(" "));
        write!(
            f,
            "validation at step {}: marginal {marginal:.4}, cumulative {cumulative:.4}, any {:.4}; coverage of \
             .01 .1 .3 .5 .7 .9 .99: {at_marginal} and {at_cumulative}",
            self.step, self.validation.any_demand,
        )
    }
}

/// Rows of `log.csv`.
pub(super) struct Log {
    rows: Option<std::fs::File>,
    path: String,
}

impl Log {
    /// Appends to the log in the folder of a checkpoint, where there is one.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, TrainingError> {
        let Some(folder) = folder else { return Ok(Self { rows: None, path: String::new() }) };
        let path = folder.join(LOG_FILE);
        let failed = |source| TrainingError::File { path: path.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let is_new = !path.exists();
        let mut rows = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        if is_new {
            let mut header = "step,seconds,series,loss,loss_marginal,loss_cumulative,loss_any_demand,gradient_norm,\
                learning_rate,ms_per_step,ms_waited,series_per_second,tflops_per_second,\
                validation_marginal,validation_cumulative,validation_any_demand"
                .to_owned();
            for head in ["marginal", "cumulative"] {
                header.extend(LEVELS.iter().map(|level| format!(",coverage_{head}_{level}")));
            }
            writeln!(rows, "{header}").map_err(failed)?;
        }
        Ok(Self { rows: Some(rows), path: path.display().to_string() })
    }

    fn row(&mut self, text: &str) -> Result<(), TrainingError> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        writeln!(rows, "{text}").map_err(|source| TrainingError::File { path: self.path.clone(), source })
    }

    pub(super) fn steps(&mut self, report: &StepsReport) -> Result<(), TrainingError> {
        let Losses { marginal, cumulative, any_demand, .. } = report.losses;
        self.row(&format!(
            "{},{:.1},{},{:.6},{marginal:.6},{cumulative:.6},{any_demand:.6},{:.5},{:.4e},{:.3},{:.3},{:.1},{:.3},,,{}",
            report.step,
            report.seconds,
            report.n_series,
            report.losses.total(),
            report.gradient_norm,
            report.learning_rate,
            report.ms_per_step,
            report.ms_waited,
            report.series_per_second,
            report.tflops_per_second,
            ",".repeat(2 * N_LEVELS)
        ))
    }

    pub(super) fn validation(&mut self, report: &ValidationReport) -> Result<(), TrainingError> {
        let Validation { pinball: [marginal, cumulative], any_demand, coverage } = &report.validation;
        let coverage: Vec<String> = coverage.iter().flatten().map(|share| format!("{share:.5}")).collect();
        self.row(&format!(
            "{},{:.1},{},{}{marginal:.6},{cumulative:.6},{any_demand:.6},{}",
            report.step,
            report.seconds,
            report.n_series,
            ",".repeat(10),
            coverage.join(",")
        ))
    }
}

/// Losses by step, as a log has them: those of periods and of cumulative demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Steps with the mean losses of the steps before them.
    pub training: Vec<(f64, [f64; 2])>,
    /// Steps with the pinball losses of a validation.
    pub validation: Vec<(f64, [f64; 2])>,
}

/// Reads the curves from the log in the folder of a checkpoint. Steps that were done again, because a run ended before
/// its checkpoint, count as they were done last.
///
/// # Errors
/// When the log cannot be read or is none.
pub fn read_curves(folder: &Path) -> Result<Curves, TrainingError> {
    let path = folder.join(LOG_FILE);
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|source| TrainingError::File { path: shown.clone(), source })?;
    let mut curves = Curves::default();
    for (line, row) in text.lines().enumerate().skip(1) {
        let cells: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect();
        let (&[step, ..], true) = (&cells[..], cells.len() == 16 + 2 * N_LEVELS) else {
            return Err(TrainingError::Content { path: shown, what: format!("line {} is no row of a log", line + 1) });
        };
        let (curve, first) = match cells[3].is_nan() {
            true => (&mut curves.validation, 13),
            false => (&mut curves.training, 4),
        };
        curve.retain(|(earlier, _)| *earlier < step);
        curve.push((step, [cells[first], cells[first + 1]]));
    }
    Ok(curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gives_back_its_curves_and_steps_done_again_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(Some(folder.path())).unwrap();
        let steps = |step: u64, marginal: f64| StepsReport {
            step,
            seconds: 1.0,
            n_series: 10,
            losses: Losses { marginal, cumulative: 0.5, any_demand: 0.25, from_teacher: 0.0 },
            gradient_norm: 1.0,
            learning_rate: 1e-3,
            ms_per_step: 1.0,
            ms_waited: 0.0,
            series_per_second: 10.0,
            tflops_per_second: 0.1,
            n_broken: 0,
        };
        let validation = |step: u64| ValidationReport {
            step,
            seconds: 1.0,
            n_series: 10,
            validation: Validation { pinball: [0.75, 0.625], any_demand: 0.5, coverage: [[0.5; N_LEVELS]; 2] },
        };
        log.steps(&steps(10, 1.0)).unwrap();
        log.steps(&steps(20, 2.0)).unwrap();
        log.validation(&validation(20)).unwrap();
        log.steps(&steps(15, 3.0)).unwrap();
        let curves = read_curves(folder.path()).unwrap();
        assert_eq!(curves.training, [(10.0, [1.0, 0.5]), (15.0, [3.0, 0.5])]);
        assert_eq!(curves.validation, [(20.0, [0.75, 0.625])]);
        std::fs::write(folder.path().join(LOG_FILE), "step\nnonsense\n").unwrap();
        assert!(read_curves(folder.path()).unwrap_err().to_string().ends_with("line 2 is no row of a log"));
    }
}
