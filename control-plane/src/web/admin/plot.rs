//! Plots: bars in steps of time, as SVG that the server draws. All that needs a number is an attribute, since the policy of
//! pages admits no style; colours are classes.

/// How wide a plot is, in its own units; the page scales it.
pub(super) const WIDTH: u64 = 960;
/// How high the bars may become.
const HEIGHT: u64 = 360;

/// Steps of time, each a pile of bars.
pub(super) struct Plot {
    pub(super) bars: Vec<Bar>,
    /// Lines across, from the lowest to the highest.
    pub(super) lines: Vec<Line>,
}

/// A part of a pile.
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
    /// Which series, from 0.
    pub(super) series: usize,
    /// What is shown where somebody points at it.
    pub(super) title: String,
}

/// A line across, with its number.
pub(super) struct Line {
    pub(super) y: u64,
    pub(super) number: String,
}

/// One step: what it is called, and the numbers of its series, from the ground up, each with its name.
pub(super) struct Pile {
    pub(super) label: String,
    pub(super) parts: Vec<(usize, String, u64)>,
}

impl Plot {
    /// Bars for these piles, next to each other.
    pub(super) fn of(piles: &[Pile]) -> Self {
        let sum = |pile: &Pile| pile.parts.iter().fold(0_u64, |sum, (.., count)| sum.saturating_add(*count));
        let top = ceiling(piles.iter().map(sum).max().unwrap_or_default());
        let step = WIDTH / u64::try_from(piles.len()).unwrap_or(1).max(1);
        let mut bars = Vec::new();
        for (place, pile) in (0_u64..).zip(piles) {
            let mut below = 0_u64;
            for (series, name, count) in pile.parts.iter().filter(|(.., count)| *count > 0) {
                let (from, to) = (scaled(below, top), scaled(below.saturating_add(*count), top));
                below = below.saturating_add(*count);
                // What is there is seen, however little it is beside the rest.
                let height = to.saturating_sub(from).max(1);
                let y = HEIGHT.saturating_sub(to).min(HEIGHT.saturating_sub(height));
                let title = format!("{}: {name} {}", pile.label, grouped(*count));
                let width = step.saturating_sub(2).max(1);
                bars.push(Bar { x: place.saturating_mul(step), y, width, height, series: *series, title });
            }
        }
        let line = |part: u64| {
            let number = top / 4 * part;
            Line { y: HEIGHT.saturating_sub(scaled(number, top)), number: grouped(number) }
        };
        Self { bars, lines: (0..=4).map(line).collect() }
    }
}

fn scaled(count: u64, top: u64) -> u64 {
    let scaled = u128::from(count) * u128::from(HEIGHT) / u128::from(top.max(1));
    u64::try_from(scaled).unwrap_or(HEIGHT).min(HEIGHT)
}

/// The next round number that four divides: where the plot ends.
fn ceiling(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [4, 8, 12, 16, 20, 24, 32, 40] {
            let end = unit.saturating_mul(factor);
            if end >= most {
                return end;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A number with a blank between each three digits, which no language reads as a point.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pile(counts: &[u64]) -> Pile {
        let parts = counts.iter().enumerate().map(|(series, count)| (series, "x".to_owned(), *count));
        Pile { label: "09:00".to_owned(), parts: parts.collect() }
    }

    #[test]
    fn bars_stand_on_each_other_and_reach_no_further_than_the_plot() {
        for counts in
            [&[&[3_u64, 1][..], &[0, 8], &[0, 0]][..], &[&[u64::MAX, u64::MAX, 1]], &[&[1, 1_000_000]]]
        {
            let piles: Vec<_> = counts.iter().map(|counts| pile(counts)).collect();
            let plot = Plot::of(&piles);
            let there = counts.iter().flat_map(|counts| counts.iter()).filter(|count| **count > 0).count();
            assert_eq!(plot.bars.len(), there, "what is there is seen");
            for bar in &plot.bars {
                assert!(bar.height >= 1 && bar.y + bar.height <= HEIGHT && bar.x + bar.width <= WIDTH);
            }
        }
        let plot = Plot::of(&[pile(&[2, 2])]);
        let [low, high] = plot.bars.as_slice() else { panic!("two bars") };
        assert_eq!((low.y, low.height, high.y, high.height), (180, 180, 0, 180));
        assert_eq!(
            plot.lines.iter().map(|line| line.number.as_str()).collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4"]
        );
    }

    #[test]
    fn plots_end_at_round_numbers() {
        for (most, end) in [(0, 4), (4, 4), (5, 8), (13, 16), (41, 80), (1_000_000, 1_200_000)] {
            assert_eq!(ceiling(most), end);
        }
        assert_eq!(ceiling(u64::MAX), u64::MAX);
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((grouped(0), grouped(123)), ("0".to_owned(), "123".to_owned()));
    }
}
