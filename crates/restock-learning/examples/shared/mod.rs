//! What examples share.

use std::time::{SystemTime, UNIX_EPOCH};

/// CPU seconds of this process so far, all threads together; seconds of the clock where the system does not tell them.
pub(crate) fn cpu_seconds() -> f64 {
    let of_process = || {
        // Linux counts user and system time in hundredths of a second, after the name of the program in parentheses.
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        Some((ticks()? + ticks()?) / 100.0)
    };
    of_process().unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64()))
}
