//! Exact quantities and money.
//!
//! Inside planning a quantity is [`Units`]: an integer count of the item's smallest unit. An item
//! counted in pieces has `decimals = 0` and one unit is one piece; an item sold in steps of 0.1 kg has
//! `decimals = 1` and one unit is 0.1 kg. In files, ledgers and on screen it is a [`Quantity`], an
//! exact decimal in the base unit of measure. No floating-point number ever stores a quantity.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An integer count of an item's smallest unit (see [`Quantity::to_units`]).
pub type Units = i64;

/// An exact amount of money in the project's currency.
pub type Money = Decimal;

/// An exact decimal quantity in the item's base unit of measure, with at most
/// [`Quantity::MAX_DECIMALS`] digits after the point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

/// Why a text or number is not a [`Quantity`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text is not a plain decimal number.
    #[error("{0:?} is not a plain decimal number such as 12 or 0.75")]
    NotANumber(String),
    /// More digits after the point than can be held exactly.
    #[error("{0} has more than 6 digits after the decimal point")]
    TooPrecise(String),
    /// Outside ±9.2e12.
    #[error("{0} is outside the supported range of ±9,000,000,000,000")]
    OutOfRange(String),
}

impl Quantity {
    /// The most digits after the decimal point.
    pub const MAX_DECIMALS: u8 = 6;
    /// Zero.
    pub const ZERO: Quantity = Quantity(0);
    const SCALE: i64 = 1_000_000;

    /// A whole number of base units.
    ///
    /// # Panics
    /// When `whole` is outside ±9.2e12.
    pub fn from_whole(whole: i64) -> Self {
        Self(whole.checked_mul(Self::SCALE).expect("quantity within ±9.2e12"))
    }

    /// A quantity from millionths of a base unit.
    pub const fn from_micro(micro: i64) -> Self {
        Self(micro)
    }

    /// Millionths of a base unit.
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// Exact conversion from a decimal.
    ///
    /// # Errors
    /// [`QuantityError::TooPrecise`] beyond six decimals, [`QuantityError::OutOfRange`] beyond ±9.2e12.
    pub fn from_decimal(value: Decimal) -> Result<Self, QuantityError> {
        let value = value.normalize();
        if value.scale() > u32::from(Self::MAX_DECIMALS) {
            return Err(QuantityError::TooPrecise(value.to_string()));
        }
        value
            .checked_mul(Decimal::from(Self::SCALE))
            .and_then(|micro| micro.to_i64())
            .filter(|micro| micro.unsigned_abs() <= 9_000_000_000_000 * Self::SCALE as u64)
            .map(Self)
            .ok_or_else(|| QuantityError::OutOfRange(value.to_string()))
    }

    /// The same amount as a decimal without trailing zeros.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, u32::from(Self::MAX_DECIMALS)).normalize()
    }

    /// Nearest floating-point value, for statistics only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }

    /// The fewest digits after the point that write this amount exactly: 0 for `3`, 1 for `0.5`.
    pub fn decimals(self) -> u8 {
        let mut micro = self.0;
        let mut decimals = Self::MAX_DECIMALS;
        while decimals > 0 && micro % 10 == 0 {
            micro /= 10;
            decimals -= 1;
        }
        decimals
    }

    /// This amount in units of `10^-decimals`; `None` when it is not a whole number of them.
    ///
    /// ```
    /// use restock_core::Quantity;
    /// let half_kg: Quantity = "0.5".parse().unwrap();
    /// assert_eq!(half_kg.to_units(1), Some(5));
    /// assert_eq!(half_kg.to_units(0), None);
    /// ```
    pub fn to_units(self, decimals: u8) -> Option<Units> {
        let step = Self::micro_per_unit(decimals);
        (self.0 % step == 0).then_some(self.0 / step)
    }

    /// This amount in units of `10^-decimals`, rounded up (towards +∞) to a whole unit.
    pub fn to_units_ceil(self, decimals: u8) -> Units {
        let step = Self::micro_per_unit(decimals);
        self.0.div_euclid(step) + Units::from(self.0.rem_euclid(step) != 0)
    }

    /// This amount in units of `10^-decimals`, rounded down (towards -∞) to a whole unit.
    pub fn to_units_floor(self, decimals: u8) -> Units {
        self.0.div_euclid(Self::micro_per_unit(decimals))
    }

    /// The amount that `units` units of `10^-decimals` make.
    ///
    /// # Panics
    /// When the amount is outside ±9.2e12.
    pub fn from_units(units: Units, decimals: u8) -> Self {
        Self(units.checked_mul(Self::micro_per_unit(decimals)).expect("quantity within ±9.2e12"))
    }

    fn micro_per_unit(decimals: u8) -> i64 {
        assert!(decimals <= Self::MAX_DECIMALS, "at most 6 decimals, got {decimals}");
        10_i64.pow(u32::from(Self::MAX_DECIMALS - decimals))
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("quantity sum within ±9.2e12"))
    }
}

impl std::ops::Neg for Quantity {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl std::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let value = Decimal::from_str_exact(text).map_err(|_| QuantityError::NotANumber(text.to_owned()))?;
        Self::from_decimal(value)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_exactly_or_refuses() {
        assert_eq!("12.5".parse::<Quantity>().unwrap().micro(), 12_500_000);
        insta::assert_snapshot!("1,000".parse::<Quantity>().unwrap_err(),
            @r#""1,000" is not a plain decimal number such as 12 or 0.75"#);
        insta::assert_snapshot!("0.1234567".parse::<Quantity>().unwrap_err(),
            @"0.1234567 has more than 6 digits after the decimal point");
        insta::assert_snapshot!("10000000000000".parse::<Quantity>().unwrap_err(),
            @"10000000000000 is outside the supported range of ±9,000,000,000,000");
        insta::assert_snapshot!(Decimal::MAX.to_string().parse::<Quantity>().unwrap_err(),
            @"79228162514264337593543950335 is outside the supported range of ±9,000,000,000,000");
    }

    proptest! {
        #[test]
        fn text_round_trips(micro in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
            let quantity = Quantity::from_micro(micro);
            prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }

        #[test]
        fn units_round_trip(units in -1_000_000_000_i64..1_000_000_000, decimals in 0_u8..=6) {
            let quantity = Quantity::from_units(units, decimals);
            prop_assert_eq!(quantity.to_units(decimals), Some(units));
            prop_assert_eq!(quantity.to_units_ceil(decimals), units);
            prop_assert_eq!(quantity.to_units_floor(decimals), units);
            prop_assert!(quantity.decimals() <= decimals);
        }
    }
}
