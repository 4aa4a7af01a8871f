use super::Term::*;
use super::*;

const fn key(descending: bool) -> Shape {
    Shape { descending, nulls_first: false, nullable: false }
}
const fn nullable(descending: bool, nulls_first: bool) -> Shape {
    Shape { descending, nulls_first, nullable: true }
}

fn after(keys: &[Shape], nulls: &[bool]) -> Seek {
    seek(keys, Some(At { nulls, backward: false }), Dialect::Postgres)
}

fn terms(branches: &[Branch]) -> Vec<Vec<Term>> {
    branches.iter().map(|branch| branch.terms.clone()).collect()
}

fn beyond(keys: Range<usize>, descending: bool, inclusive: bool) -> Term {
    Beyond { keys, descending, inclusive }
}

#[test]
fn keys_of_one_direction_are_one_row_value() {
    let seek = after(&[key(true), key(true)], &[false, false]);
    assert_eq!(terms(&seek.page), [[beyond(0..2, true, false)]]);
    assert_eq!(terms(&seek.probe), [[beyond(0..2, false, true)]]);
}

#[test]
fn mixed_directions_are_branches_in_the_order_of_the_walk() {
    let seek = after(&[key(true), key(false)], &[false, false]);
    let near = vec![Equal(0), beyond(1..2, false, false)];
    assert_eq!(terms(&seek.page), [near, vec![beyond(0..1, true, false)]]);
}

#[test]
fn after_a_value_come_the_greater_ones_and_then_the_nulls() {
    let seek = after(&[nullable(false, false), key(false)], &[false, false]);
    assert_eq!(terms(&seek.page), [vec![beyond(0..2, false, false)], vec![Null(0)]]);
    assert_eq!(terms(&seek.probe), [[beyond(0..2, true, true)]]);
}

#[test]
fn after_a_null_come_nulls_and_values_only_if_nulls_stand_first() {
    let last = after(&[nullable(false, false), key(false)], &[true, false]);
    assert_eq!(terms(&last.page), [[Null(0), beyond(1..2, false, false)]]);
    let first = after(&[nullable(false, true), key(false)], &[true, false]);
    let near = vec![Null(0), beyond(1..2, false, false)];
    assert_eq!(terms(&first.page), [near, vec![NotNull(0)]]);
}

#[test]
fn a_foreign_placement_splits_the_first_page_and_a_native_one_does_not() {
    let keys = [nullable(true, false), key(true)];
    let split = seek(&keys, None, Dialect::Postgres);
    assert_eq!(terms(&split.page), [[NotNull(0)], [Null(0)]]);
    assert!(split.page.iter().flat_map(|branch| &branch.order).all(|order| order.nulls.is_none()));
    assert_eq!(split.order[0].nulls, Some(Nulls::Last));
    let whole = seek(&keys, None, Dialect::Sqlite);
    assert_eq!(terms(&whole.page), [vec![]; 1]);
    assert_eq!(whole.order[0].nulls, None);
}

#[test]
fn a_later_key_that_can_be_null_ends_the_run() {
    let keys = [key(false), nullable(false, true), key(false)];
    let seek = after(&keys, &[false, true, false]);
    let expected = [
        vec![Equal(0), Null(1), beyond(2..3, false, false)],
        vec![Equal(0), NotNull(1)],
        vec![beyond(0..1, false, false)],
    ];
    assert_eq!(terms(&seek.page), expected);
    // In the last branch the second key is free, so its placement has to be said.
    assert_eq!(seek.page[2].order[1].nulls, Some(Nulls::First));
}

#[test]
fn walking_backward_is_walking_the_reversed_list() {
    let keys = [nullable(true, false), key(false), key(true)];
    let reversed: Vec<_> = keys.iter().map(|key| key.reversed()).collect();
    for nulls in [[false, false, false], [true, false, false]] {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let backward = seek(&keys, Some(At { nulls: &nulls, backward: true }), dialect);
            let forward = seek(&reversed, Some(At { nulls: &nulls, backward: false }), dialect);
            assert_eq!(backward, forward);
        }
    }
}

#[test]
fn where_nothing_can_follow_there_is_a_branch_without_rows() {
    let seek = after(&[nullable(false, false)], &[true]);
    assert_eq!(terms(&seek.page), [[Never]]);
    assert_eq!(terms(&seek.probe), [vec![Null(0)], vec![NotNull(0)]]);
}
