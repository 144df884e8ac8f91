//! Backtests of small shops.
