//! Sizes in messages.

/// A size with a suitable unit, in powers of 1000, as is usual for networks and disks.
#[expect(clippy::cast_precision_loss, reason = "a few digits for a person")]
pub fn size(bytes: u64) -> String {
    let (unit, divisor, digits) = unit(bytes);
    // One more digit than in a pair, where it stands alone.
    let digits = if divisor > 1.0 { 2 } else { digits };
    format!("{:.digits$} {unit}", bytes as f64 / divisor)
}

/// A part of a whole, both in the whole's unit.
#[expect(clippy::cast_precision_loss, reason = "a few digits for a person")]
pub fn of_size(part: u64, whole: u64) -> String {
    let (unit, divisor, digits) = unit(whole);
    let (part, whole) = (part as f64 / divisor, whole as f64 / divisor);
    format!("{part:.digits$} of {whole:.digits$} {unit}")
}

/// A suitable unit, its size in bytes, and the number of decimals for a changing number.
fn unit(bytes: u64) -> (&'static str, f64, usize) {
    match bytes {
        0..1_000 => ("B", 1.0, 0),
        1_000..1_000_000 => ("kB", 1e3, 1),
        1_000_000..1_000_000_000 => ("MB", 1e6, 1),
        1_000_000_000..1_000_000_000_000 => ("GB", 1e9, 2),
        _ => ("TB", 1e12, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_largest_unit_that_fits() {
        assert_eq!([0, 999, 65_536, 7_550_000_000].map(size), ["0 B", "999 B", "65.54 kB", "7.55 GB"]);
    }

    #[test]
    fn a_part_is_shown_in_the_unit_of_the_whole() {
        assert_eq!(of_size(0, 0), "0 of 0 B");
        assert_eq!(of_size(12, 999), "12 of 999 B");
        assert_eq!(of_size(500, 1_000), "0.5 of 1.0 kB");
        assert_eq!(of_size(312_400_000, 869_100_000), "312.4 of 869.1 MB");
        assert_eq!(of_size(1, 12_345_000_000), "0.00 of 12.35 GB");
        assert_eq!(of_size(2_000_000_000_000, 2_000_000_000_000), "2.00 of 2.00 TB");
    }
}
