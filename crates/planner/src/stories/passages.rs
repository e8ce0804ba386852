//! Scripts that are parts of their file, and values in them: every place is one of the file.

use stopover_model::{Boundaries, Boundary, Extent, Passage, Script, Step, Substitution};

use super::{codes, plan_all, problems_of, scripted, source, step_of};

/// A script of the passages of `text` that stand between `<` and `>`; those that begin with `!`
/// are bounded by their author. The marks are kept in the text, as a tool's marks are.
fn parts(text: &str) -> Script {
    let mut passages = Vec::new();
    for (open, _) in text.match_indices('<') {
        let end = open + text[open..].find('>').unwrap();
        let is_marked = text[open + 1..].starts_with('!');
        passages.push(Passage {
            range: open + 1 + usize::from(is_marked)..end,
            boundaries: if is_marked { Boundaries::Marked } else { Boundaries::Text },
            substitutions: Vec::new(),
        });
    }
    let extent = Extent::Passages(passages);
    Script { extent, ..Script::whole("migrations/1_a.sql", text) }
}

fn step(text: &str) -> Step {
    let mut migration = scripted(1, "");
    migration.up = parts(text);
    step_of(migration).0
}

/// `line:column text` of each statement.
fn told(step: &Step) -> Vec<String> {
    let statements = step.statements.iter();
    statements.map(|it| format!("{}:{} {}", it.line, it.column, it.text)).collect()
}

#[test]
fn only_the_part_runs_and_its_places_are_those_of_the_file() {
    let step = step("-- up\n<SELECT 1;\n  SELECT 'ü', 2;\n>\n-- down\nDROP TABLE a;");
    assert_eq!(told(&step), ["2:2 SELECT 1", "3:3 SELECT 'ü', 2"]);
    let text = |at: usize| &step.text[step.statements[at].range.clone()];
    assert_eq!((text(0), text(1)), ("SELECT 1", "SELECT 'ü', 2"));
    let indices: Vec<_> = step.statements.iter().map(|it| it.index).collect();
    assert_eq!(indices, [1, 2]);
}

#[test]
fn what_an_author_bounds_is_sent_as_one() {
    let step = step(
        "<SELECT 1;>\n<!\n-- why\nCREATE TABLE a ();\nALTER TABLE b ADD c int; -- end\n>\n<SELECT 2;>",
    );
    assert_eq!(
        told(&step),
        ["1:2 SELECT 1", "4:1 CREATE TABLE a ();\nALTER TABLE b ADD c int", "7:2 SELECT 2"]
    );
    let block = &step.statements[1];
    assert_eq!(step.text[block.range.clone()], block.text);
    assert!(block.locks.iter().any(|lock| lock.relation == "b"), "{:?}", block.locks);
}

#[test]
fn what_one_statement_of_a_block_needs_the_block_needs() {
    let mut migration = scripted(1, "");
    migration.up = parts("<!SELECT 1; COMMIT; SELECT 2;>");
    assert_eq!(codes(&problems_of(migration.clone())), ["transaction-control"]);
    migration.up = parts("<!SELECT 1; VACUUM;>");
    let (step, _) = step_of(migration);
    assert!(matches!(step.boundary, Boundary::NonTransactional(_)));
}

#[test]
fn a_script_that_cannot_be_split_names_the_line_of_the_file() {
    let mut migration = scripted(1, "");
    migration.up = parts("-- one\n-- two\n<SELECT 1;\nSELECT 'open;\n>");
    let problems = problems_of(migration.clone());
    assert_eq!(problems[0].subject, "migrations/1_a.sql:4");
    migration.up = parts("<!SELECT 1;\nCOPY a FROM stdin;\n1\n\\.\n>");
    assert_eq!(codes(&problems_of(migration)), ["bad-script"]);
}

#[test]
fn values_are_sent_and_places_stay_those_of_the_file() {
    let text = "<GRANT ALL ON a TO $OWNER; SELECT 1;\nSELECT '$OWNER';>";
    let plan_with = |value: &str| {
        let mut script = parts(text);
        let Extent::Passages(passages) = &mut script.extent else { unreachable!() };
        passages[0].substitutions = text
            .match_indices("$OWNER")
            .map(|(at, piece)| Substitution { range: at..at + piece.len(), text: value.to_owned() })
            .collect();
        let mut migration = scripted(1, "");
        migration.up = script;
        plan_all(&source(vec![migration]), &super::applied(&[])).unwrap()
    };
    let plan = plan_with("a_long_name");
    let step = &plan.steps[0];
    assert_eq!(
        told(step),
        ["1:2 GRANT ALL ON a TO a_long_name", "1:28 SELECT 1", "2:1 SELECT 'a_long_name'"]
    );
    assert_eq!(&step.text[step.statements[1].range.clone()], "SELECT 1");
    assert_eq!(&step.text[step.statements[2].range.clone()], "SELECT '$OWNER'");
    // The ledger's checksum is the file's; two plans that do different things differ all the same.
    let other = plan_with("b");
    assert_eq!(step.checksum, other.steps[0].checksum);
    assert_ne!(plan.hash(), other.hash());
}
