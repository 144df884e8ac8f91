//! Stand-ins for library functions that are not there yet; each goes when its crate has it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use restock_core::proposal::Proposal;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, Forecast, Forecaster};

pub(crate) const MODEL_NAMES: &[&str] = &["auto"];

pub(crate) fn forecaster(_: &str) -> Option<Box<dyn Forecaster>> {
    None
}

pub(crate) struct SeriesForecast {
    pub(crate) item_id: String,
    pub(crate) location_id: String,
    pub(crate) days: Vec<Day>,
    pub(crate) forecast: Forecast,
}

pub(crate) fn forecast(
    _: &Dataset,
    _: &PlanSettings,
    _: &dyn Forecaster,
    _: usize,
    _: &(dyn Fn(usize, usize) + Sync),
) -> Vec<SeriesForecast> {
    Vec::new()
}

pub(crate) mod write {
    use super::*;

    pub(crate) enum Format {
        Csv,
        Parquet,
    }

    pub(crate) fn dataset(_: &Dataset, _: &Path, _: Format) -> Result<Vec<PathBuf>, std::io::Error> {
        Err(std::io::Error::other("not built yet"))
    }

    pub(crate) fn proposals_csv(_: &[Proposal], _: &Path) -> Result<(), std::io::Error> {
        Err(std::io::Error::other("not built yet"))
    }

    pub(crate) fn proposals_parquet(_: &[Proposal], _: &Path) -> Result<(), std::io::Error> {
        Err(std::io::Error::other("not built yet"))
    }
}

pub(crate) mod retail_simulator {
    use super::*;

    pub(crate) struct ChainConfig {
        pub(crate) n_items: usize,
        pub(crate) n_stores: usize,
        pub(crate) n_days: usize,
        pub(crate) last_day: Day,
    }

    impl ChainConfig {
        pub(crate) fn example_shop() -> Self {
            Self { n_items: 0, n_stores: 0, n_days: 0, last_day: Day(0) }
        }
        pub(crate) fn with_item_locations(_: usize) -> Self {
            Self::example_shop()
        }
    }

    pub(crate) fn chain(_: &ChainConfig, _: u64) -> Dataset {
        Dataset::default()
    }
}
