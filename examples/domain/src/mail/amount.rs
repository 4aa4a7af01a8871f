use iso_currency::Currency;
use saas_jobs::BoxError;

/// An amount as people write it, with as many decimals as its currency has: `12.50 EUR`, `1250 JPY`,
/// `1.250 BHD`. A code that is none is an error: a price must not be off by a factor of a hundred.
pub(super) fn amount(minor: i128, currency: &str) -> Result<String, BoxError> {
    let known = Currency::from_code(currency);
    let known = known.ok_or_else(|| format!("{currency} is no currency"))?;
    let digits = usize::from(known.exponent().unwrap_or(0));
    let sign = if minor < 0 { "-" } else { "" };
    // All digits, at least one of them before the point.
    let all = format!("{:0width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = all.split_at(all.len() - digits);
    let point = if part.is_empty() { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{part} {currency}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        for (minor, currency, shown) in [
            (1250, "EUR", "12.50 EUR"),
            (5, "EUR", "0.05 EUR"),
            (0, "EUR", "0.00 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (1250, "JPY", "1250 JPY"),
            (0, "JPY", "0 JPY"),
            (1250, "BHD", "1.250 BHD"),
            (1, "KWD", "0.001 KWD"),
            (12_345, "CLF", "1.2345 CLF"),
            (7, "XAU", "7 XAU"),
            (i64::MAX.into(), "USD", "92233720368547758.07 USD"),
        ] {
            assert_eq!(amount(minor, currency).unwrap(), shown);
        }
        assert!(amount(1, "XXY").is_err());
    }
}
