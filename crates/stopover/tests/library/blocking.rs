//! Without a runtime, and within one.

use stopover::{Error, Runner};
use stopover_testkit::TestDatabase;

use crate::{File, SHOP, versions};

#[test]
fn a_program_without_a_runtime_blocks() {
    let file = File::fresh();
    let runner = file.runner().embedded(SHOP);
    assert_eq!(runner.plan_blocking().unwrap().steps.len(), 2);
    assert_eq!(runner.run_blocking().unwrap().applied, versions(&[1, 2]));
    assert_eq!(runner.status_blocking().unwrap().applied.len(), 2);
}

#[tokio::test]
async fn within_a_runtime_a_blocking_call_is_an_error_and_no_panic() {
    let database = TestDatabase::create().await;
    let runner = Runner::new(&database.url()).unwrap().embedded(SHOP);
    assert!(matches!(runner.run_blocking(), Err(Error::WithinRuntime)));
    let text = runner.status_blocking().unwrap_err().to_string();
    assert!(text.contains("run().await"), "{text}");
    // A thread of its own may block.
    let report = std::thread::spawn(move || runner.run_blocking()).join().unwrap().unwrap();
    assert_eq!(report.applied, versions(&[1, 2]));
}
