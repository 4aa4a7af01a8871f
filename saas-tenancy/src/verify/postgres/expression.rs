//! Reads the expressions of policies as PostgreSQL prints them, which is fully parenthesised.

/// What holds a row to the tenant; PostgreSQL names the column of a sub-select.
const TENANT: [&str; 2] = ["( SELECT saas.tenant_id() AS tenant_id)", "saas.tenant_id()"];
const CROSSING: [&str; 2] = ["( SELECT saas.crossing() AS crossing)", "saas.crossing()"];

/// Whether every row that the expression lets through is the tenant's: it, or one of the parts that
/// it joins by AND, compares `tenant_id` with the tenant.
///
/// The other way round, looking for what is known to be open, would miss what nobody thought of.
pub(super) fn holds_to_tenant(expression: &str) -> bool {
    any_part(expression, &|part| {
        part.split_once(" = ").is_some_and(|(left, right)| {
            (left == "tenant_id" && TENANT.contains(&right))
                || (right == "tenant_id" && TENANT.contains(&left))
        })
    })
}

/// Whether it lets rows through only while a crossing is written down.
pub(super) fn holds_to_crossing(expression: &str) -> bool {
    any_part(expression, &|part| CROSSING.contains(&part))
}

fn any_part(expression: &str, holds: &dyn Fn(&str) -> bool) -> bool {
    let inner = unwrapped(expression);
    let parts = split(inner, " AND ");
    if parts.len() > 1 {
        // At one depth PostgreSQL prints either AND or OR, never both; nor is a part without its
        // parentheses, so an OR is never torn apart here.
        return parts.iter().any(|part| any_part(part, holds));
    }
    holds(expression) || holds(inner)
}

/// Without the parentheses around the whole.
fn unwrapped(mut expression: &str) -> &str {
    while let Some(inner) =
        expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).map(str::trim)
    {
        if !is_whole(inner) || inner.starts_with("SELECT ") {
            break;
        }
        expression = inner;
    }
    expression
}

/// Whether its parentheses match, so that those that were around it belonged together.
fn is_whole(inner: &str) -> bool {
    let mut lowest = 0;
    let end = scan(inner, |_, depth| lowest = lowest.min(depth));
    lowest == 0 && end == 0
}

/// The parts between separators that are outside parentheses and quotes.
fn split<'e>(expression: &'e str, separator: &str) -> Vec<&'e str> {
    let mut cuts = Vec::new();
    scan(expression, |place, depth| {
        if depth == 0 && expression[place..].starts_with(separator) {
            cuts.push(place);
        }
    });
    let mut parts = Vec::with_capacity(cuts.len() + 1);
    let mut start = 0;
    for cut in cuts {
        parts.push(&expression[start..cut]);
        start = cut + separator.len();
    }
    parts.push(&expression[start..]);
    parts
}

/// Visits every character outside quotes with the depth of parentheses after it; returns the last.
///
/// Literals and names double the quote within them, so toggling is right for both. A backslash
/// escapes only in `E''`, which makes the text longer than it is, never shorter: then a part is not
/// found, and the policy is refused rather than trusted.
fn scan(expression: &str, mut visit: impl FnMut(usize, i32)) -> i32 {
    let (mut depth, mut quote) = (0, None);
    for (place, character) in expression.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => continue,
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        visit(place, depth);
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "(tenant_id = ( SELECT saas.tenant_id() AS tenant_id))";

    #[test]
    fn a_comparison_with_the_tenant_holds_alone_and_among_conditions_that_narrow_it() {
        for sound in [
            OURS,
            "(tenant_id = saas.tenant_id())",
            "(( SELECT saas.tenant_id() AS tenant_id) = tenant_id)",
            &format!("({OURS} AND (deleted_at IS NULL))"),
            &format!("((body <> ') OR ('::text) AND ({OURS} AND ((a = 1) OR (b = 2))))"),
        ] {
            assert!(holds_to_tenant(sound), "{sound}");
        }
    }

    #[test]
    fn whatever_has_another_way_through_does_not_hold() {
        for open in [
            "true",
            &format!("({OURS} OR (tenant_id IS NULL))"),
            &format!("((tenant_id IS NULL) OR {OURS})"),
            &format!("(({OURS} OR shared) AND (deleted_at IS NULL))"),
            "(tenant_id = COALESCE(saas.tenant_id(), tenant_id))",
            "(tenant_id IS NOT DISTINCT FROM saas.tenant_id())",
            "(NOT (tenant_id = saas.tenant_id()))",
            "(tenant_id <> saas.tenant_id())",
            "(other.tenant_id = saas.tenant_id())",
            "(id = saas.tenant_id())",
            "(body = 'x AND (tenant_id = saas.tenant_id())'::text)",
            "((CURRENT_SETTING('app.tenant_id'::text, true) IS NULL) OR (tenant_id = saas.tenant_id()))",
            &format!("CASE WHEN admin THEN true ELSE {OURS} END"),
            &format!("(EXISTS ( SELECT 1 FROM x WHERE {OURS}))"),
            "",
        ] {
            assert!(!holds_to_tenant(open), "{open}");
        }
    }

    #[test]
    fn a_crossing_is_no_tenant_and_a_tenant_no_crossing() {
        let crossing = "( SELECT saas.crossing() AS crossing)";
        assert!(holds_to_crossing(crossing) && !holds_to_tenant(crossing));
        assert!(!holds_to_crossing(OURS) && !holds_to_crossing(&format!("({crossing} OR true)")));
    }
}
