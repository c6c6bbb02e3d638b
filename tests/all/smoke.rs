use oge_fake::Route;
use oge_tools::tools::{RunBigQuery, run_big_query};

use crate::scene::Scene;

#[tokio::test]
async fn works() {
    let scene = Scene::new().await;
    let t = std::time::Instant::now();
    let done = scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await;
    println!("{:?} {done:?}", t.elapsed());
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let done = scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await;
        println!("{:?} {:?}", t.elapsed(), done.is_ok());
    }
    scene.fake.revoke_tokens();
    let done = scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await;
    println!("{done:?}");
    println!("{:?} {}", scene.log(), scene.fake.count(Route::Token));
    assert_eq!(done.unwrap().attempts, 2);
}
