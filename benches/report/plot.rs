//! Latency over concurrency, drawn.

use std::path::Path;

use plotters::prelude::*;

use crate::names::CALLERS;
use crate::results::Results;
use crate::tables::WAYS;

/// Draws how long half of the calls take at most, for so many callers, each way.
pub(crate) fn draw(results: &Results, to: &Path) -> anyhow::Result<()> {
    let canvas = SVGBackend::new(to, (860, 520)).into_drawing_area();
    canvas.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&canvas)
        .caption("Half of the calls are answered within", ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d((1.0..600.0).log_scale(), (0.02..200.0).log_scale())?;
    chart.configure_mesh().x_desc("callers at once").y_desc("milliseconds").draw()?;
    for (index, (way, title)) in WAYS.into_iter().enumerate() {
        let points: Vec<_> = CALLERS
            .into_iter()
            .filter_map(|callers| {
                let micros = results.number(&format!("{callers} callers/{way}/p50"))?;
                Some((f64::from(u32::try_from(callers).ok()?), micros / 1e3))
            })
            .collect();
        let color = Palette99::pick(index).to_rgba();
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(title.replace('`', ""))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        chart.draw_series(points.into_iter().map(|at| Circle::new(at, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    canvas.present()?;
    Ok(())
}
