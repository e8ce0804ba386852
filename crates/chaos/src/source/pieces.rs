//! The kinds of migrations: a catalogue.

use super::writing::{Migration, Shape, Writing};

/// Writes a migration of one kind.
pub(crate) type Piece = fn(Writing<'_>) -> Migration;

/// Transactional ones.
const WHOLE: [Piece; 5] = [tiny, several, copied, enveloped, label];

/// Those without a transaction.
const BARE: [Piece; 16] = [
    indexes_between_rows,
    lone_index,
    three_indexes,
    index_if_not_there,
    vacuumed,
    own_transactions,
    own_search_path,
    search_path_by_function,
    copied_bare,
    label_used_at_once,
    reindexed_and_dropped,
    detached,
    mixed,
    only_rows,
    discarded,
    isolated,
];

/// Those of which nobody may be able to tell how to go on.
const OPEN: [Piece; 4] = [called, anonymous, staged, savepoints];

/// A migration of some kind; more without a transaction than with, for there is more to go wrong.
pub(super) fn by_chance(writing: Writing<'_>) -> Migration {
    let piece = match writing.dice.below(100) {
        0..35 => writing.dice.pick(&WHOLE),
        35..90 => writing.dice.pick(&BARE),
        _ => writing.dice.pick(&OPEN),
    };
    piece(writing)
}

/// All kinds.
pub(super) fn all() -> Vec<Piece> {
    WHOLE.into_iter().chain(BARE).chain(OPEN).collect()
}

/// What the others build on; now and then without a transaction itself.
pub(super) fn beginning(mut it: Writing<'_>) -> Migration {
    let rows = it.dice.pick(&[500, 3_000, 12_000]);
    it.say("CREATE TABLE public.marks (mark text)");
    it.say("CREATE TABLE public.counter (n int)");
    it.say("INSERT INTO public.counter VALUES (0)");
    it.check_rows("public.counter", 1);
    it.say("CREATE TYPE public.mood AS ENUM ('calm')");
    it.say(
        "CREATE PROCEDURE public.leave(mark text) LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO public.marks VALUES (mark || 'a'); COMMIT; \
         PERFORM pg_sleep(0.01); INSERT INTO public.marks VALUES (mark || 'b'); END $$",
    );
    it.say("CREATE TABLE public.items (id bigint, customer int, placed int)");
    it.say(&format!(
        "INSERT INTO public.items SELECT i, i % 7, i % 90 FROM generate_series(1, {rows}) i"
    ));
    it.check_rows("public.items", rows);
    it.some_work();
    let shape = if it.dice.chance(30) { Shape::Marked } else { Shape::Transactional };
    it.done("beginning", shape)
}

fn tiny(mut it: Writing<'_>) -> Migration {
    it.mark();
    it.done("tiny", Shape::Transactional)
}

fn several(mut it: Writing<'_>) -> Migration {
    let number = it.number;
    it.some_work();
    it.say(&format!("CREATE TABLE public.t{number} AS SELECT generate_series(1, 50) AS x"));
    it.say(&format!("ALTER TABLE public.items ADD COLUMN extra{number} int DEFAULT {number}"));
    it.some_work();
    it.say(&format!("INSERT INTO public.t{number} VALUES (0)"));
    it.check_rows(&format!("public.t{number}"), 51);
    it.done("several", Shape::Transactional)
}

fn copy_marks(it: &mut Writing<'_>) {
    it.raw("COPY public.marks (mark) FROM stdin;\n");
    for _ in 0..it.dice.between(1, 20) {
        let mark = it.promise();
        it.raw(&format!("{mark}\n"));
    }
    it.raw("\\.\n");
}

fn copied(mut it: Writing<'_>) -> Migration {
    it.mark();
    copy_marks(&mut it);
    it.bump();
    it.done("copied", Shape::Transactional)
}

fn enveloped(mut it: Writing<'_>) -> Migration {
    it.say("BEGIN");
    it.some_work();
    it.mark();
    it.say("COMMIT");
    it.done("enveloped", Shape::Transactional)
}

fn check_labels(it: &mut Writing<'_>, label: &str) {
    let sql = format!("SELECT count(*)::text FROM pg_enum WHERE enumlabel = '{label}'");
    it.check(&format!("the enum value {label}"), &sql, "1");
}

fn label(mut it: Writing<'_>) -> Migration {
    let label = format!("label{}", it.number);
    it.some_work();
    it.say(&format!("ALTER TYPE public.mood ADD VALUE '{label}'"));
    check_labels(&mut it, &label);
    it.done("label", Shape::Transactional)
}

fn index(it: &mut Writing<'_>, name: &str, how: &str, columns: &str) {
    let name = format!("items_{name}{}", it.number);
    it.say(&how.replace("NAME", &format!("{name} ON public.items ({columns})")));
    it.check_index("public", &name);
}

const CONCURRENTLY: &str = "CREATE INDEX CONCURRENTLY NAME";

fn indexes_between_rows(mut it: Writing<'_>) -> Migration {
    it.some_work();
    index(&mut it, "a", CONCURRENTLY, "customer");
    it.some_work();
    index(&mut it, "b", "CREATE UNIQUE INDEX CONCURRENTLY NAME", "id");
    it.mark();
    it.done("indexes_between_rows", Shape::Marked)
}

fn lone_index(mut it: Writing<'_>) -> Migration {
    index(&mut it, "lone", CONCURRENTLY, "placed");
    it.done("lone_index", Shape::Unmarked)
}

fn three_indexes(mut it: Writing<'_>) -> Migration {
    index(&mut it, "x", CONCURRENTLY, "id");
    index(&mut it, "y", CONCURRENTLY, "customer, placed");
    index(&mut it, "z", "CREATE UNIQUE INDEX CONCURRENTLY NAME", "id, placed");
    it.done("three_indexes", Shape::Unmarked)
}

fn index_if_not_there(mut it: Writing<'_>) -> Migration {
    it.mark();
    index(&mut it, "if", "CREATE INDEX CONCURRENTLY IF NOT EXISTS NAME", "customer");
    it.mark();
    index(&mut it, "uf", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS NAME", "id");
    it.done("index_if_not_there", Shape::Marked)
}

fn vacuumed(mut it: Writing<'_>) -> Migration {
    it.some_work();
    it.say("VACUUM (ANALYZE) public.items");
    it.some_work();
    it.say("VACUUM public.marks");
    it.mark();
    it.done("vacuumed", Shape::Marked)
}

fn own_transactions(mut it: Writing<'_>) -> Migration {
    it.some_work();
    it.say("BEGIN");
    it.mark();
    it.some_work();
    it.say("COMMIT");
    it.mark();
    it.say("BEGIN");
    let ghost = format!("v{}.ghost", it.number);
    it.say(&format!("INSERT INTO public.marks VALUES ('{ghost}')"));
    it.say("ROLLBACK");
    it.some_work();
    if it.dice.chance(50) {
        it.say("START TRANSACTION");
        it.mark();
        it.say("END");
    }
    it.done("own_transactions", Shape::Marked)
}

fn in_own_schema<'a>(mut it: Writing<'a>, setting: &str) -> Writing<'a> {
    let schema = format!("side{}", it.number);
    let name = format!("things{}_x", it.number);
    it.some_work();
    it.say(&format!("CREATE SCHEMA {schema}"));
    it.say(&setting.replace("SCHEMA", &schema));
    it.say("CREATE TABLE things (x int)");
    it.say("INSERT INTO things SELECT generate_series(1, 200)");
    it.say(&format!("CREATE INDEX CONCURRENTLY {name} ON things (x)"));
    it.check_index(&schema, &name);
    it.say("INSERT INTO things VALUES (0)");
    it.check_rows(&format!("{schema}.things"), 201);
    it.mark();
    it
}

fn own_search_path(it: Writing<'_>) -> Migration {
    in_own_schema(it, "SET search_path TO SCHEMA, public").done("own_search_path", Shape::Marked)
}

/// As pg_dump writes it.
fn search_path_by_function(it: Writing<'_>) -> Migration {
    let setting = "SELECT pg_catalog.set_config('search_path', 'SCHEMA', false)";
    in_own_schema(it, setting).done("search_path_by_function", Shape::Marked)
}

fn copied_bare(mut it: Writing<'_>) -> Migration {
    it.some_work();
    copy_marks(&mut it);
    it.bump();
    copy_marks(&mut it);
    it.mark();
    it.done("copied_bare", Shape::Marked)
}

fn label_used_at_once(mut it: Writing<'_>) -> Migration {
    let (number, label) = (it.number, format!("label{}", it.number));
    it.say(&format!("CREATE TABLE public.moods{number} (m public.mood)"));
    it.say(&format!("ALTER TYPE public.mood ADD VALUE '{label}' BEFORE 'calm'"));
    it.say(&format!("INSERT INTO public.moods{number} VALUES ('{label}')"));
    it.check_rows(&format!("public.moods{number}"), 1);
    check_labels(&mut it, &label);
    it.mark();
    it.done("label_used_at_once", Shape::Marked)
}

fn reindexed_and_dropped(mut it: Writing<'_>) -> Migration {
    let number = it.number;
    it.say(&format!("CREATE INDEX items_kept{number} ON public.items (placed)"));
    it.say(&format!("CREATE INDEX items_gone{number} ON public.items (id)"));
    it.mark();
    it.say(&format!("REINDEX INDEX CONCURRENTLY public.items_kept{number}"));
    it.mark();
    it.say("REINDEX TABLE CONCURRENTLY public.items");
    it.say(&format!("DROP INDEX CONCURRENTLY public.items_gone{number}"));
    it.mark();
    it.check_index("public", &format!("items_kept{number}"));
    let gone = format!("SELECT count(*)::text FROM pg_class WHERE relname = 'items_gone{number}'");
    it.check("the dropped index", &gone, "0");
    it.done("reindexed_and_dropped", Shape::Marked)
}

fn detached(mut it: Writing<'_>) -> Migration {
    let whole = format!("public.whole{}", it.number);
    let part = format!("public.part{}", it.number);
    it.say(&format!("CREATE TABLE {whole} (k int) PARTITION BY RANGE (k)"));
    it.say(&format!("CREATE TABLE {part} PARTITION OF {whole} FOR VALUES FROM (0) TO (100)"));
    it.say(&format!("INSERT INTO {whole} SELECT generate_series(1, 60)"));
    it.say(&format!("ALTER TABLE {whole} DETACH PARTITION {part} CONCURRENTLY"));
    it.mark();
    it.check_rows(&part, 60);
    it.check_rows(&whole, 0);
    it.done("detached", Shape::Marked)
}

fn mixed(mut it: Writing<'_>) -> Migration {
    let number = it.number;
    it.say(&format!("ALTER TABLE public.items ADD COLUMN mixed{number} int"));
    index(&mut it, "m", CONCURRENTLY, &format!("mixed{number}"));
    it.mark();
    it.done("mixed", Shape::Unmarked)
}

fn only_rows(mut it: Writing<'_>) -> Migration {
    for _ in 0..it.dice.between(3, 8) {
        it.some_work();
    }
    it.done("only_rows", Shape::Marked)
}

/// What gives up everything that the session has, and with it a lock of ours.
fn discarded(mut it: Writing<'_>) -> Migration {
    it.some_work();
    let number = it.number;
    it.say(&format!("CREATE SCHEMA side{number}"));
    it.say(&format!("SET search_path TO side{number}"));
    it.mark();
    it.say("DISCARD ALL");
    it.say("SELECT pg_sleep(0.02)");
    it.mark();
    it.say(&format!("CREATE TABLE here{number} (x int)"));
    it.check_rows(&format!("public.here{number}"), 0);
    it.some_work();
    it.done("discarded", Shape::Marked)
}

fn isolated(mut it: Writing<'_>) -> Migration {
    it.mark();
    it.say("BEGIN ISOLATION LEVEL SERIALIZABLE");
    it.some_work();
    it.say("COMMIT");
    it.say("BEGIN");
    it.say("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    it.some_work();
    it.say("COMMIT");
    it.mark();
    it.done("isolated", Shape::Marked)
}

fn savepoints(mut it: Writing<'_>) -> Migration {
    it.undecidable("ended a transaction and began another");
    it.mark();
    it.say("BEGIN");
    it.mark();
    it.say("SAVEPOINT here");
    let ghost = format!("v{}.ghost", it.number);
    it.say(&format!("INSERT INTO public.marks VALUES ('{ghost}')"));
    it.say("ROLLBACK TO here");
    it.mark();
    it.say("COMMIT AND CHAIN");
    it.mark();
    it.say("COMMIT");
    it.mark();
    it.done("savepoints", Shape::Marked)
}

fn called(mut it: Writing<'_>) -> Migration {
    it.undecidable("CALL at line");
    it.mark();
    let mark = format!("v{}.called.", it.number);
    it.say(&format!("CALL public.leave('{mark}')"));
    it.promise_named(format!("{mark}a"));
    it.promise_named(format!("{mark}b"));
    it.mark();
    it.done("called", Shape::Marked)
}

fn anonymous(mut it: Writing<'_>) -> Migration {
    it.undecidable("DO at line");
    it.mark();
    let (first, second) = (it.promise(), it.promise());
    it.say(&format!(
        "DO $$ BEGIN INSERT INTO public.marks VALUES ('{first}'); COMMIT; \
         PERFORM pg_sleep(0.01); INSERT INTO public.marks VALUES ('{second}'); END $$"
    ));
    it.mark();
    it.done("anonymous", Shape::Marked)
}

fn staged(mut it: Writing<'_>) -> Migration {
    it.undecidable("a temporary table");
    it.mark();
    it.say("CREATE TEMP TABLE staged (mark text)");
    let (first, second) = (it.promise(), it.promise());
    it.say(&format!("INSERT INTO staged VALUES ('{first}'), ('{second}')"));
    it.mark();
    it.say("INSERT INTO public.marks SELECT mark FROM staged");
    it.mark();
    it.done("staged", Shape::Marked)
}
