//! Frozen draws of every distribution: a new release of rand_distr must not change anybody's results
//! unseen.

use sim_core::rng::Stream;
use sweeps::draw::{Distribution, Sampler};

fn check(text: &str, expect: [&str; 2]) {
    let distribution: Distribution = ron::from_str(text).unwrap();
    let sampler = Sampler::new(distribution, None, false).unwrap();
    let mut stream = Stream::new(1, "golden");
    let drawn = [(); 2].map(|()| sampler.draw(&mut stream).unwrap());
    assert_eq!(drawn, expect, "{text}");
}

#[test]
fn golden_draws() {
    for (text, expect) in GOLDEN {
        check(text, *expect);
    }
}

const GOLDEN: &[(&str, [&str; 2])] = &[
    (r#"Uniform("1 Mbps", "9 Mbps")"#, ["", ""]),
    (r#"LogUniform("1 ms", "100 ms")"#, ["", ""]),
    (r#"Normal(mean: "50 ms", deviation: "5 ms")"#, ["", ""]),
    (r#"LogNormal(median: "4 Mbps", sigma: 0.5)"#, ["", ""]),
    (r#"Exponential(mean: "1 %")"#, ["", ""]),
    (r#"Pareto(least: "10 kB", shape: 1.2)"#, ["", ""]),
    (r#"Weibull(scale: "10 ms", shape: 1.5)"#, ["", ""]),
    (r#"Triangular(least: "1 ms", mode: "5 ms", most: "20 ms")"#, ["", ""]),
    (r#"Gamma(shape: 2.0, scale: "10 ms")"#, ["", ""]),
    ("Beta(alpha: 2.0, beta: 50.0)", ["", ""]),
    ("Poisson(mean: 4.0)", ["", ""]),
];
