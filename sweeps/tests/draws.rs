//! Frozen draws of every distribution: a new release of rand_distr must not change anybody's results
//! unseen.

use sim_core::rng::Stream;
use sweeps::draw::{Distribution, Sampler};

/// Two draws of a distribution.
fn drawn(text: &str) -> String {
    let distribution: Distribution = ron::from_str(text).unwrap();
    let sampler = Sampler::new(distribution, None, false).unwrap();
    let mut stream = Stream::new(1, "golden");
    let drawn = [(); 2].map(|()| sampler.draw(&mut stream).unwrap());
    format!("{text}: {}\n", drawn.join(", "))
}

#[test]
fn golden_draws() {
    let distributions = GOLDEN.lines().map(|line| line.rsplit_once(": ").unwrap().0);
    let found: String = distributions.map(drawn).collect();
    assert!(found == GOLDEN, "now they are\n{found}");
}

const GOLDEN: &str = r#"Uniform("1 Mbps", "9 Mbps"): 5.17393 Mbps, 6.552247 Mbps
LogUniform("1 ms", "100 ms"): 11.05306 ms, 24.437777 ms
Normal(mean: "50 ms", deviation: "5 ms"): 50.606782 ms, 54.984721 ms
LogNormal(median: "4 Mbps", sigma: 0.5): 4.250228 Mbps, 6.584817 Mbps
Exponential(mean: "1 %"): 2.4705717 %, 2.8344576 %
Pareto(least: "10 kB", shape: 1.2): 17.197 kB, 13.558 kB
Weibull(scale: "10 ms", shape: 1.5): 7.508192 ms, 5.109574 ms
Triangular(least: "1 ms", mode: "5 ms", most: "20 ms"): 8.325081 ms, 10.661841 ms
Gamma(shape: 2.0, scale: "10 ms"): 18.282974 ms, 8.029674 ms
Beta(alpha: 2.0, beta: 50.0): 4.0376367 %, 0.4255538 %
Poisson(mean: 4.0): 2, 3
"#;
