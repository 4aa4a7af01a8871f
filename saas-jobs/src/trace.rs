//! The link from a job to the trace that enqueued it.

/// Whether a text is a `traceparent` as W3C Trace Context has it: version, trace, parent and flags
/// in lower-case hexadecimal. Of later versions only the part that is known is let through.
pub(crate) fn is_traceparent(text: &str) -> bool {
    let fields: Vec<_> = text.split('-').collect();
    let hex = |field: &str, digits: usize| {
        field.len() == digits && field.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |field: &str| field.bytes().any(|c| c != b'0');
    match fields[..] {
        [version, trace, parent, flags] => {
            hex(version, 2)
                && version != "ff"
                && hex(trace, 32)
                && some(trace)
                && hex(parent, 16)
                && some(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_traceparent_is_not_taken_for_one() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for bad in ["", "01", zero, &good.to_uppercase(), &good[1..], &format!("{good}-00")] {
            assert!(!is_traceparent(bad), "{bad}");
        }
        assert!(!is_traceparent(&good.replacen("00", "ff", 1)));
    }
}
