//! One change of one number, for `restock explain --what-if` and the sensitivity of an explanation.

use std::fmt;
use std::str::FromStr;

use restock_core::Quantity;

/// One thing that could be different.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WhatIf {
    /// `lead_time=5`: every order arrives this many days after it is placed.
    LeadTime(f64),
    /// `lead_time=+5` or `lead_time=-2`: orders arrive this many days later (earlier), at once at the soonest.
    LeadTimeChange(f64),
    /// `review=7`: the next order opportunity comes this many days after this one.
    Review(f64),
    /// `target=0.95` or `service=0.95`: the service target.
    Target(f64),
    /// `demand=-20%` or `demand=1.2x`: demand times this factor (0.8, 1.2).
    Demand(f64),
    /// `pack=6`: orders are a multiple of this.
    Pack(Quantity),
    /// `min_order=24`: the smallest order.
    MinOrder(Quantity),
    /// `on_hand=10`: usable stock on the shelf.
    OnHand(Quantity),
    /// `quantity=24`: this is ordered, whatever rules and limits say.
    Quantity(Quantity),
    /// `price=2.49`: the selling price, which sets the margin of a lost sale.
    Price(f64),
}

/// Why a text is not a [`WhatIf`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// No `=`.
    #[error("what-if {0:?} has no \"=\", write for example lead_time=5")]
    NoEquals(String),
    /// Not a name we know.
    #[error(
        "what-if {0:?} is not known, use one of lead_time, review, target, demand, pack, min_order, on_hand, quantity, price"
    )]
    UnknownName(String),
    /// Not a value we can use.
    #[error("what-if {name} is {value:?}, must be {expected}")]
    BadValue {
        /// What it was for.
        name: &'static str,
        /// The text.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
}

impl WhatIf {
    /// Reads `name=value`.
    ///
    /// ```
    /// use restock_engine::WhatIf;
    /// assert_eq!(WhatIf::parse("lead_time=5"), Ok(WhatIf::LeadTime(5.0)));
    /// assert_eq!(WhatIf::parse("demand=-20%").unwrap().to_string(), "demand=-20%");
    /// assert!(WhatIf::parse("target=95").is_err());
    /// ```
    ///
    /// # Errors
    /// [`WhatIfError`] says what is allowed.
    pub fn parse(text: &str) -> Result<Self, WhatIfError> {
        let (name, value) = text.split_once('=').ok_or_else(|| WhatIfError::NoEquals(text.to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let number = |name, expected, allowed: fn(f64) -> bool| {
            // A trailing "d" for days is common: lead_time=1d.
            let digits = value.strip_suffix('d').unwrap_or(value);
            match digits.parse::<f64>() {
                Ok(number) if number.is_finite() && allowed(number) => Ok(number),
                _ => Err(WhatIfError::BadValue { name, value: value.to_owned(), expected }),
            }
        };
        let quantity = |name, expected, allowed: fn(Quantity) -> bool| match value.parse::<Quantity>() {
            Ok(quantity) if allowed(quantity) => Ok(quantity),
            _ => Err(WhatIfError::BadValue { name, value: value.to_owned(), expected }),
        };
        match name {
            "lead_time" if value.starts_with(['+', '-']) => {
                number("lead_time", "a change from -3650 to +3650 days", |days| (-3650.0..=3650.0).contains(&days))
                    .map(Self::LeadTimeChange)
            }
            "lead_time" => {
                number("lead_time", "days from 0 to 3650", |days| (0.0..=3650.0).contains(&days)).map(Self::LeadTime)
            }
            "review" => {
                number("review", "days from 1 to 3650", |days| (1.0..=3650.0).contains(&days)).map(Self::Review)
            }
            "target" | "service" => {
                number("target", "a share above 0 and below 1, such as 0.95", |target| 0.0 < target && target < 1.0)
                    .map(Self::Target)
            }
            "demand" => parse_factor(value)
                .ok_or_else(|| WhatIfError::BadValue {
                    name: "demand",
                    value: value.to_owned(),
                    expected: "a change such as -20% or a factor such as 1.2x, at most 100x",
                })
                .map(Self::Demand),
            "pack" => quantity("pack", "a quantity above 0", |pack| pack > Quantity::ZERO).map(Self::Pack),
            "min_order" | "moq" => {
                quantity("min_order", "a quantity of 0 or more", |moq| moq >= Quantity::ZERO).map(Self::MinOrder)
            }
            "on_hand" => {
                quantity("on_hand", "a quantity of 0 or more", |on_hand| on_hand >= Quantity::ZERO).map(Self::OnHand)
            }
            "quantity" => quantity("quantity", "a quantity of 0 or more", |quantity| quantity >= Quantity::ZERO)
                .map(Self::Quantity),
            "price" => number("price", "an amount above 0", |price| price > 0.0).map(Self::Price),
            _ => Err(WhatIfError::UnknownName(name.to_owned())),
        }
    }
}

/// `-20%` is 0.8, `+20%` is 1.2, `1.2x` and `1.2` are 1.2.
pub(crate) fn parse_factor(value: &str) -> Option<f64> {
    let factor = match value.strip_suffix('%') {
        Some(percent) => 1.0 + percent.parse::<f64>().ok()? / 100.0,
        None => value.strip_suffix('x').unwrap_or(value).parse::<f64>().ok()?,
    };
    (factor.is_finite() && (0.0..=100.0).contains(&factor)).then_some(factor)
}

impl FromStr for WhatIf {
    type Err = WhatIfError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeadTime(days) => write!(f, "lead_time={days}"),
            Self::LeadTimeChange(days) => write!(f, "lead_time={days:+}"),
            Self::Review(days) => write!(f, "review={days}"),
            Self::Target(target) => write!(f, "target={target}"),
            Self::Demand(factor) => {
                // Two digits of a percent are enough to read; other factors are written in full.
                let percent = ((factor - 1.0) * 1e4).round() / 1e2;
                if 1.0 + percent / 100.0 == *factor {
                    write!(f, "demand={percent:+}%")
                } else {
                    write!(f, "demand={factor}x")
                }
            }
            Self::Pack(pack) => write!(f, "pack={pack}"),
            Self::MinOrder(moq) => write!(f, "min_order={moq}"),
            Self::OnHand(on_hand) => write!(f, "on_hand={on_hand}"),
            Self::Quantity(quantity) => write!(f, "quantity={quantity}"),
            Self::Price(price) => write!(f, "price={price}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for text in [
            "lead_time=5",
            "lead_time=+5",
            "lead_time=-1.5",
            "review=7",
            "target=0.95",
            "demand=-20%",
            "demand=+12.5%",
            "pack=6",
            "on_hand=2.5",
            "quantity=24",
        ] {
            assert_eq!(WhatIf::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(WhatIf::parse("service=0.99").unwrap(), WhatIf::Target(0.99));
        assert_eq!(WhatIf::parse(" lead_time = 1d ").unwrap(), WhatIf::LeadTime(1.0));
    }

    #[test]
    fn errors_say_what_is_allowed() {
        insta::assert_snapshot!(WhatIf::parse("leadtime").unwrap_err(),
            @r#"what-if "leadtime" has no "=", write for example lead_time=5"#);
        insta::assert_snapshot!(WhatIf::parse("target=95").unwrap_err(),
            @r#"what-if target is "95", must be a share above 0 and below 1, such as 0.95"#);
        insta::assert_snapshot!(WhatIf::parse("colour=red").unwrap_err(),
            @r#"what-if "colour" is not known, use one of lead_time, review, target, demand, pack, min_order, on_hand, quantity, price"#);
    }
}
