//! Names that nothing else has.

/// 32 hexadecimal digits by chance.
pub(crate) fn fresh_name() -> Result<String, getrandom::Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(format!("{:032x}", u128::from_le_bytes(bits)))
}
