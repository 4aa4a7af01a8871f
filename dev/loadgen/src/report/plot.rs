use std::path::Path;

use plotters::prelude::*;

use super::Report;
use crate::Result;
use crate::route::Route;

const SIZE: (u32, u32) = (1000, 520);
const FONT: (&str, u32) = ("sans-serif", 16);

/// From here on the names stand.
const NAMES: u32 = 680;
const SPACE: i32 = 46;

const COLORS: [RGBColor; Route::ALL.len()] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(90, 90, 90),
    RGBColor(23, 190, 207),
];

/// Draws each route's 95th percentile against the load, and names them beside.
pub(crate) fn plot(report: &Report, file: &Path) -> Result<()> {
    let lines: Vec<_> = Route::ALL.iter().map(|route| line(report, *route)).collect();
    let all = || lines.iter().flatten().map(|(_, millis)| *millis);
    let low = all().fold(f64::MAX, f64::min).clamp(0.1, 1e3);
    let high = all().fold(low, f64::max);
    let greatest = report.rungs.iter().map(|rung| rung.load).fold(2.0, f64::max);

    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(&report.about, FONT)?;
    let (graph, names) = root.split_horizontally(NAMES);
    let mut chart = ChartBuilder::on(&graph)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(1.0..greatest, (low * 0.8..high * 1.3).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(format!("load; 1x is {} requests a second", report.base))
        .y_desc("p95 in ms")
        .x_labels(greatest as usize)
        .x_max_light_lines(0)
        .x_label_formatter(&|load| format!("{load:.0}x"))
        .y_label_formatter(&|millis| format!("{millis}"))
        .label_style(FONT)
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    for (number, (line, route)) in lines.into_iter().zip(Route::ALL).enumerate() {
        let color = COLORS[number].stroke_width(2);
        chart.draw_series(LineSeries::new(line, color).point_size(3))?;
        let top = 24 + number as i32 * SPACE;
        names.draw(&PathElement::new([(4, top + 7), (24, top + 7)], color))?;
        names.draw(&Text::new(route.name(), (32, top), FONT))?;
        let verdict = report.verdict(route).to_string();
        names.draw(&Text::new(
            verdict,
            (32, top + 18),
            (FONT.0, 14).into_font().color(&COLORS[7]),
        ))?;
    }
    root.present()?;
    Ok(())
}

fn line(report: &Report, route: Route) -> Vec<(f64, f64)> {
    let points = report.rungs.iter().filter_map(|rung| {
        let p95 = rung.p95(route)?;
        Some((rung.load, p95.as_secs_f64() * 1e3))
    });
    points.collect()
}
