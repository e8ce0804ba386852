//! Whatever changes in a plan, its receipt fits no more.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One change of a plan that an apply would notice.
fn changed(plan: &Plan, at: &Index, kind: u8) -> Plan {
    let mut plan = plan.clone();
    let at = at.index(plan.steps.len());
    let step = &mut plan.steps[at];
    match kind {
        0 => step.version = Version::Integer(1_000),
        1 => step.name.push('x'),
        2 => step.sha256 = Checksum::sha256(b"another text"),
        3 => step.boundary = Boundary::NonTransactional("VACUUM".to_owned()),
        4 => step.lock_timeout = Some(Duration::from_secs(9)),
        5 => step.statement_timeout = Some(Duration::from_secs(9)),
        6 => {
            let (cleanup, told) = (vec!["DROP INDEX i".to_owned()], String::new());
            step.resume = Some(Resume { from: 2, cleanup, told });
        }
        7 => drop(plan.steps.remove(at)),
        8 => plan.steps.insert(at, self::step(1_000)),
        _ => plan.steps.rotate_left(1),
    }
    plan
}

proptest! {
    #[test]
    fn any_single_change_of_a_plan_changes_its_hash_and_is_refused(
        versions in proptest::collection::btree_set(1..500_i64, 2..8),
        at in any::<Index>(),
        kind in 0..10_u8,
    ) {
        let mut story = Story::usual();
        let rehearsed = plan_of(versions.into_iter().map(step).collect());
        story.grounds = grounds(&rehearsed, vec![row(1)]);
        story.receipt = green(&rehearsed, &story.grounds);
        story.plan = changed(&rehearsed, &at, kind);
        prop_assert_ne!(story.plan.hash(), rehearsed.hash());
        story.grounds.plan_hash = story.plan.hash();
        // What is left empty needs no rehearsal; here one step at least is left.
        let said = story.said();
        prop_assert!(said.len() == 1 && said[0].starts_with("was of another plan: "), "{:?}", said);

        story.plan = rehearsed;
        story.grounds.plan_hash = story.plan.hash();
        prop_assert!(story.said().is_empty());
    }
}
