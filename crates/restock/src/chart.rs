//! Line charts as SVG.

use plotters::prelude::*;
use restock_inventory::problems::Chart;

/// Colours that differ in lightness as well, for readers who do not see all of them.
const COLORS: [RGBColor; 5] = [
    RGBColor(31, 95, 160),
    RGBColor(214, 110, 30),
    RGBColor(60, 140, 70),
    RGBColor(150, 60, 140),
    RGBColor(110, 110, 110),
];

/// The chart as one SVG element.
pub(crate) fn svg(chart: &Chart) -> String {
    let mut text = String::new();
    // Writing into memory cannot fail, and curves of ours have finite points.
    draw(chart, &mut text).expect("a chart in memory");
    text
}

fn draw(chart: &Chart, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let points = || chart.curves.iter().flat_map(|(_, points)| points);
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = points().map(of).fold(f64::INFINITY, f64::min);
        let high = points().map(of).fold(f64::NEG_INFINITY, f64::max);
        if low < high { (low, high) } else { (low - 0.5, low + 0.5) }
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    let room = 0.05 * (high - low);
    // Costs and orders are read against zero unless all of them are far from it.
    let low = if 0.0 <= low && low < 0.4 * high { 0.0 } else { low - room };

    let root = SVGBackend::with_string(text, (720, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut context = ChartBuilder::on(&root)
        .caption(&chart.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(left..right, low..high + room)?;
    context
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 228, 228))
        .x_desc(chart.x_label)
        .y_desc(chart.y_label)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()?;
    for ((name, points), color) in chart.curves.iter().zip(COLORS.iter().cycle()) {
        let style = color.stroke_width(2);
        context
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    if chart.curves.len() > 1 {
        context
            .configure_series_labels()
            .label_font(("sans-serif", 13))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_axes_and_curves() {
        let chart = Chart {
            title: "Cost".to_owned(),
            x_label: "level, units",
            y_label: "cost",
            curves: vec![
                ("a".to_owned(), vec![(0.0, 1.0), (1.0, 3.0)]),
                ("b".to_owned(), vec![(0.0, 2.0), (1.0, 2.0)]),
            ],
        };
        let text = svg(&chart);
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
        for part in ["level, units", "cost", "Cost", "polyline"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let flat = Chart { curves: vec![("flat".to_owned(), vec![(1.0, 0.0)])], ..chart };
        assert!(!svg(&flat).contains("NaN"), "a single point has a range");
    }
}
