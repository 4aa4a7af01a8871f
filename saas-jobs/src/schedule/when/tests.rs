use chrono::Timelike;
use proptest::prelude::*;

use super::*;

const NEW_YORK: &str = "America/New_York";
const SYDNEY: &str = "Australia/Sydney";

/// Fields of all sorts.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    let minute =
        prop_oneof!["[1-5]?[0-9]", Just("*".into()), Just("*/15".into()), Just("0,30".into())];
    let hour = prop_oneof!["1?[0-9]", Just("*".into()), Just("*/2".into()), Just("1-3".into())];
    let day = prop_oneof![Just("*"), Just("1"), Just("L"), Just("15")];
    let weekday = prop_oneof![Just("*"), Just("MON-FRI"), Just("SUN"), Just("SUN#1")];
    (minute, hour, day, weekday).prop_map(|(m, h, d, w)| format!("{m} {h} {d} * {w}"))
}

pub(crate) fn zone() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("UTC"),
        Just(NEW_YORK),
        Just(SYDNEY),
        Just("Australia/Lord_Howe"),
        Just("Asia/Kolkata"),
    ]
}

fn when(expression: &str, zone: &str) -> When {
    When::parse(expression, zone).unwrap()
}

/// The moments of a day on the wall, each as its time there and its distance from UTC in hours.
fn day(expression: &str, zone: &str, date: &str) -> Vec<String> {
    let when = when(expression, zone);
    let day: chrono::NaiveDate = date.parse().unwrap();
    let local = |moment: DateTime<Utc>| moment.with_timezone(&when.zone);
    let before = when.moment(day.and_hms_opt(0, 0, 0).unwrap()) - TimeDelta::seconds(1);
    std::iter::successors(when.next(before), |at| when.next(*at))
        .take_while(|at| local(*at).date_naive() == day)
        .map(|at| local(at).format("%H:%M%:::z").to_string())
        .collect()
}

// Each line: the expression, and what comes of it where clocks go forward and where they go back.
#[test]
fn a_skipped_hour_and_an_hour_that_comes_twice_in_new_york() {
    // 2026-03-08: 02:00-05 becomes 03:00-04. 2026-11-01: 02:00-04 becomes 01:00-05.
    let table: &[(&str, &[&str], &[&str])] = &[
        ("30 1 * * *", &["01:30-05"], &["01:30-04"]),
        ("30 2 * * *", &["03:00-04"], &["02:30-05"]),
        ("0 3 * * *", &["03:00-04"], &["03:00-05"]),
        ("0 2,3 * * *", &["03:00-04"], &["02:00-05", "03:00-05"]),
        ("30 1,13 * * *", &["01:30-05", "13:30-04"], &["01:30-04", "13:30-05"]),
        (
            "*/30 1-2 * * *",
            &["01:00-05", "01:30-05", "03:00-04"],
            &["01:00-04", "01:30-04", "02:00-05", "02:30-05"],
        ),
        (
            "15 0-3,5 * * *",
            &["00:15-05", "01:15-05", "03:00-04", "03:15-04", "05:15-04"],
            &["00:15-04", "01:15-04", "02:15-05", "03:15-05", "05:15-05"],
        ),
        ("59 59 1,2 * * *", &["01:59-05", "03:00-04"], &["01:59-04", "02:59-05"]),
    ];
    for (expression, forward, back) in table {
        assert_eq!(day(expression, NEW_YORK, "2026-03-08"), *forward, "{expression}");
        assert_eq!(day(expression, NEW_YORK, "2026-11-01"), *back, "{expression}");
    }
}

#[test]
fn a_skipped_hour_and_an_hour_that_comes_twice_in_sydney() {
    // 2026-10-04: 02:00+10 becomes 03:00+11. 2026-04-05: 03:00+11 becomes 02:00+10.
    let table: &[(&str, &[&str], &[&str])] = &[
        ("30 1 * * *", &["01:30+10"], &["01:30+11"]),
        ("30 2 * * *", &["03:00+11"], &["02:30+11"]),
        ("0 3 * * *", &["03:00+11"], &["03:00+10"]),
        (
            "0 */2 4,5 * *",
            &[
                "00:00+10", "03:00+11", "04:00+11", "06:00+11", "08:00+11", "10:00+11", "12:00+11",
                "14:00+11", "16:00+11", "18:00+11", "20:00+11", "22:00+11",
            ],
            &[
                "00:00+11", "02:00+11", "04:00+10", "06:00+10", "08:00+10", "10:00+10", "12:00+10",
                "14:00+10", "16:00+10", "18:00+10", "20:00+10", "22:00+10",
            ],
        ),
        ("*/20 2 * * *", &["03:00+11"], &["02:00+11", "02:20+11", "02:40+11"]),
    ];
    for (expression, forward, back) in table {
        assert_eq!(day(expression, SYDNEY, "2026-10-04"), *forward, "{expression}");
        assert_eq!(day(expression, SYDNEY, "2026-04-05"), *back, "{expression}");
    }
}

#[test]
fn every_hour_counts_time_as_it_passes() {
    for (zone, forward, back) in
        [(NEW_YORK, "2026-03-08", "2026-11-01"), (SYDNEY, "2026-10-04", "2026-04-05")]
    {
        assert_eq!(day("30 * * * *", zone, forward).len(), 23);
        assert_eq!(day("30 * * * *", zone, back).len(), 25);
        assert_eq!(day("*/15 0-23 * * *", zone, back).len(), 100);
    }
    let twice = day("30 * * * *", NEW_YORK, "2026-11-01");
    assert_eq!(twice[..4], ["00:30-04", "01:30-04", "01:30-05", "02:30-05"]);
}

#[test]
fn a_day_that_an_island_skipped_comes_once_after_it() {
    // Samoa went over the date line: there was no 30 December 2011.
    let when = when("0 12 30 12 *", "Pacific/Apia");
    let next = when.next("2011-12-01T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(next.with_timezone(&when.zone).to_rfc3339(), "2011-12-31T00:00:00+14:00");
}

#[test]
fn seconds_and_nicknames_are_read() {
    let start: DateTime<Utc> = "2026-01-01T00:00:00.5Z".parse().unwrap();
    let next = |expression| when(expression, "UTC").next(start).unwrap().to_rfc3339();
    assert_eq!(next("*/10 * * * * *"), "2026-01-01T00:00:10+00:00");
    assert_eq!(next("@daily"), "2026-01-02T00:00:00+00:00");
    assert_eq!(next("0 0 29 2 *"), "2028-02-29T00:00:00+00:00");
}

#[test]
fn last_nearest_and_nth_days_are_read() {
    // January 2026 begins on a Thursday; its 31st, and the 15th of February, are at a weekend.
    let table = [
        ("0 0 L * *", "2026-01-31"),
        ("0 0 15W 2 *", "2026-02-16"),
        ("0 0 * * FRI#2", "2026-01-09"),
        ("0 0 * * FRI#L", "2026-01-30"),
        ("0 0 13 * FRI", "2026-01-02"),
        ("0 0 13 * +FRI", "2026-02-13"),
    ];
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    for (expression, date) in table {
        let next = when(expression, "UTC").next(start).unwrap();
        assert_eq!(next.date_naive().to_string(), date, "{expression}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let table = [
        ("", "UTC", "`` has 0 fields, not five, or six with seconds"),
        ("* * *", "UTC", "`* * *` has 3 fields, not five, or six with seconds"),
        (
            "* * * * * * 2030",
            "UTC",
            "`* * * * * * 2030` has 7 fields, not five, or six with seconds",
        ),
        ("60 * * * *", "UTC", "the minute in `60 * * * *` cannot be `60`"),
        ("60 * * * * *", "UTC", "the second in `60 * * * * *` cannot be `60`"),
        ("0 24 * * *", "UTC", "the hour in `0 24 * * *` cannot be `24`"),
        ("0 0 0 * *", "UTC", "the day of month in `0 0 0 * *` cannot be `0`"),
        ("0 0 * 13 *", "UTC", "the month in `0 0 * 13 *` cannot be `13`"),
        ("0 0 * * MOO", "UTC", "the day of week in `0 0 * * MOO` cannot be `MOO`"),
        ("0 0 30 2 *", "UTC", "`0 0 30 2 *` never comes: there is no such day"),
        ("@fortnightly", "UTC", "there is no `@fortnightly`"),
        ("0 0 * * *", "America/Gotham", "there is no time zone `America/Gotham`"),
    ];
    for (expression, zone, problem) in table {
        assert_eq!(When::parse(expression, zone).unwrap_err(), problem);
    }
}

#[test]
fn beyond_the_calendar_there_is_nothing() {
    let when = when("0 0 * * *", SYDNEY);
    assert_eq!(when.next(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(when.next(DateTime::<Utc>::MIN_UTC), None);
}

proptest! {
    // Moments are a set, whatever moment one looks from.
    #[test]
    fn the_next_moment_stays_the_next_until_it_is_there(
        expression in expression(), zone in zone(),
        start in 1_767_225_600_i64..1_798_761_600, part in 0.0..1.0,
    ) {
        let when = when(&expression, zone);
        let start = DateTime::from_timestamp(start, 0).unwrap();
        let next = when.next(start).unwrap();
        prop_assert!(next > start && next.nanosecond() == 0);
        let between = ((next - start).num_seconds() as f64 * part) as i64;
        prop_assert_eq!(when.next(start + TimeDelta::seconds(between)), Some(next));
    }

    // Where the clock is not touched, the moments are what the expression says of the wall.
    #[test]
    fn far_from_a_change_of_the_clock_zones_only_shift(
        expression in expression(), start in 1_751_328_000_i64..1_756_684_800,
    ) {
        let start = DateTime::from_timestamp(start, 0).unwrap();
        let shift = TimeDelta::hours(4);
        let there = when(&expression, NEW_YORK).next(start).unwrap();
        prop_assume!(there < start + TimeDelta::days(30));
        let utc = when(&expression, "UTC").next(start - shift).unwrap();
        prop_assert_eq!(there - shift, utc);
    }
}
