//! Rollback: down scripts, newest applied first.

use stopover_engine::{Applied, Ending, EngineError};
use stopover_model::Silent;
use stopover_model::report::MigrationStatus;
use stopover_planner::DownSelection;

use crate::{Fixture, Stage, numbers};

/// Tables `a`, `b` and `c`, each with its down script.
async fn three<F: Fixture>() -> Stage<F> {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_a", "2_b", "3_c"]);
    for (version, name) in [(1, "a"), (2, "b"), (3, "c")] {
        stage.write(&format!("{version}_{name}.down.sql"), &format!("DROP TABLE {name};\n"));
    }
    stage.apply().await;
    stage
}

async fn rollback<F: Fixture>(
    stage: &Stage<F>,
    selection: DownSelection,
) -> Result<Applied, EngineError> {
    let (source, backend) = (stage.source(), stage.database.backend());
    stopover_engine::rollback(&backend, &stage.request(&source), &selection, &mut Silent).await
}

/// Two of three; what was taken back can be applied again.
pub async fn the_newest_applied_are_taken_back_first<F: Fixture>() {
    let stage = three::<F>().await;
    let ended = rollback(&stage, DownSelection::Steps(2)).await.expect("a rollback that begins");
    assert!(matches!(ended.ending, Ending::Complete), "{:?}", ended.ending);
    let versions: Vec<_> = ended.plan.steps.iter().map(|it| it.version.as_integer()).collect();
    assert_eq!(versions, [Some(3), Some(2)]);
    assert_eq!(stage.applied().await, [1]);
    assert!(stage.has("a").await && !stage.has("b").await && !stage.has("c").await);
    let applied = stage.apply().await;
    assert_eq!(numbers(&applied, MigrationStatus::Applied), [2, 3]);
}

/// The one that fails is still applied, the ones before it are taken back.
pub async fn a_failing_down_script_leaves_what_it_found<F: Fixture>() {
    let stage = three::<F>().await;
    stage.write("2_b.down.sql", "DROP TABLE b;\nDROP TABLE nowhere;\n");
    let ended = rollback(&stage, DownSelection::Steps(3)).await.expect("a rollback that begins");
    assert!(matches!(ended.ending, Ending::Failed { .. }), "{:?}", ended.ending);
    assert_eq!(stage.applied().await, [1, 2]);
    assert!(stage.has("b").await && !stage.has("c").await);
}

/// Nothing runs then.
pub async fn a_missing_down_script_is_told_before_the_first_one_runs<F: Fixture>() {
    let stage = three::<F>().await;
    stage.discard("2_b.down.sql");
    let refused = rollback(&stage, DownSelection::Steps(2)).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(stage.applied().await, [1, 2, 3]);
}
