//! Both routes of ALEN in one graph: strips, shares, and the restorer that asks the classifier.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use relume::Restorer;
use relume::models::alen::slcformer::Shape;
use relume::models::alen::{self, ENHANCED, GLOBAL, IMAGE, LOCAL, Route, Routing};
use relume_media::{Image, Progress, Size, Srgb};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Tensor, Weights, reference};

fn picture(size: Size) -> Image<Srgb> {
    Image::from_fn(size, |x, y| {
        let edge = if (x / 7 + y / 5) % 2 == 0 { 0.3 } else { 0.08 };
        let grain = ((x * 7919 + y * 104_729) % 101) as f32 / 1010.0;
        [edge + grain, edge + 0.4 * y as f32 / size.height as f32, 0.5 * edge]
    })
}

fn weights() -> Weights {
    Weights::initial(&(alen::SMALL.graph)().unwrap(), 5)
}

fn run(
    network: &Network,
    image: &Image<Srgb>,
    routing: Routing,
    wanted: &str,
    cut: Cut,
) -> Vec<f32> {
    let Size { width, height } = image.size();
    let picture = Picture { name: IMAGE, height, width, values: image.values() };
    network.run_picture(picture, &routing.feeds(), wanted, cut, &|_| Ok(())).unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn strips_are_the_whole_picture_and_the_plain_loops() {
    let network = Network::new((alen::SMALL.graph)().unwrap(), weights()).unwrap();
    let routing = Routing::new(Route::Auto, 0.4);
    for size in [Size::new(1, 1), Size::new(131, 97), Size::new(17, 230)] {
        let image = picture(size);
        for wanted in [ENHANCED, LOCAL, GLOBAL] {
            let whole =
                run(&network, &image, routing, wanted, Cut::Of { columns: 4096, rows: 4096 });
            for cut in [Cut::Fitting, Cut::Of { columns: 64, rows: 5 }] {
                let off = worst(&whole, &run(&network, &image, routing, wanted, cut));
                assert!(off < 1e-5, "{size} {wanted} {cut:?}: off by {off}");
            }
        }
    }
    let image = picture(Size::new(20, 16));
    let mut feeds = routing.feeds();
    feeds.insert(IMAGE.to_owned(), Tensor::new([1, 3, 16, 20], image.values().to_vec()));
    let graph = (alen::SMALL.graph)().unwrap();
    let truth = reference::run(&graph, &weights(), &feeds, &[ENHANCED]).unwrap();
    let off = worst(
        &truth[ENHANCED].values,
        &run(&network, &image, routing, ENHANCED, Cut::Of { columns: 64, rows: 7 }),
    );
    assert!(off < 2e-5, "off by {off}");
}

#[test]
fn a_route_alone_is_the_mixture_without_the_other() {
    let network = Network::new((alen::SMALL.graph)().unwrap(), weights()).unwrap();
    let image = picture(Size::new(40, 30));
    for (route, alone) in [(Route::Local, LOCAL), (Route::Global, GLOBAL)] {
        let routing = Routing::new(route, 0.5);
        assert_eq!(routing.output(), alone);
        let mixed = run(&network, &image, routing, ENHANCED, Cut::Fitting);
        let off = worst(&mixed, &run(&network, &image, routing, alone, Cut::Fitting));
        assert!(off < 1e-6, "{route:?}: off by {off}");
    }
}

#[test]
fn the_restorer_asks_the_classifier_unless_told() {
    let image = picture(Size::new(64, 48));
    let restorer = |route| {
        let restorer = Restorer::new(&alen::SMALL, weights()).unwrap().always(true);
        restorer.route(route).unwrap()
    };
    let (auto, report) = restorer(None).image(&image, &Progress::silent()).unwrap();
    let routing = report.routing.unwrap();
    assert_eq!(routing.route, Route::Auto);
    assert!((0.0..=1.0).contains(&routing.probability_local), "{routing}");
    let (local, report) = restorer(Some(Route::Local)).image(&image, &Progress::silent()).unwrap();
    assert_eq!(report.routing.unwrap().share_local, 1.0);
    let (global, _) = restorer(Some(Route::Global)).image(&image, &Progress::silent()).unwrap();
    assert!(local != global && auto.values().iter().all(|v| (0.0..=1.0).contains(v)));
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(json["routing"]["route"], "local", "{json}");

    let lantern = Restorer::load("lantern-s").unwrap();
    let error = lantern.route(Some(Route::Local)).unwrap_err();
    assert!(error.to_string().contains("knows no routes"), "{error}");
}

#[test]
fn the_whole_is_its_parts() {
    let parts = alen::PARTS.map(|(_, card)| Weights::initial(&(card.graph)().unwrap(), 3));
    let whole = alen::join(parts.each_ref()).unwrap();
    let graph = alen::build("whole", &Shape::PUBLISHED, 32).unwrap();
    assert!(whole.report(&graph).is_exact(), "{}", whole.report(&graph));
    let wrong = alen::join([&parts[1], &parts[1], &parts[2], &parts[3]]).unwrap_err();
    assert!(wrong.to_string().contains("alen-classifier"), "{wrong}");
}

#[test]
fn twelve_megapixels_take_less_than_one_and_a_half_gigabytes() {
    let size = (3000, 4000);
    for card in [&alen::SMALL, &alen::PUBLISHED] {
        let graph = (card.graph)().unwrap();
        let network = Network::new(graph.clone(), Weights::initial(&graph, 1)).unwrap();
        for output in [ENHANCED, alen::COLOR, alen::LOCAL_VALUE, alen::GLOBAL_RGB] {
            let maps = network.memory(size, output).unwrap();
            // As published: the photo, its 8-bit copy, both networks' pictures, the result.
            let pictures = 5 * 3 * 4 * size.0 * size.1;
            assert!(maps + pictures < 1_500_000_000, "{} {output}: {maps}", card.name);
        }
    }
}
