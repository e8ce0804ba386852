//! Who is told, and what becomes of an outcome that nobody acknowledges.

use std::time::Duration;

use stopover_carry::{Callback, CallbackForm};
use stopover_model::report::CarryReport;
use stopover_testkit::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fixture::{carry, request};

/// What is done with a request: a pause, and an answer if there is one.
type Answer = (Duration, Option<&'static str>);

const YES: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
const NO: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const ELSEWHERE: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\
                         content-length: 0\r\nconnection: close\r\n\r\n";

/// A server that answers in this way, the last one again and again, and tells what it was told.
async fn receiver(answers: Vec<Answer>) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/carried?token=hush", listener.local_addr().unwrap());
    let (told, heard) = unbounded_channel();
    tokio::spawn(async move {
        let mut at = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answers[at.min(answers.len() - 1)];
            at += 1;
            let told = told.clone();
            tokio::spawn(serve(stream, answer, told));
        }
    });
    (url, heard)
}

/// What was asked is told before the answer is: who has the answer finds it.
async fn serve(mut stream: TcpStream, (pause, answer): Answer, told: UnboundedSender<String>) {
    let mut text = String::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.to_lowercase();
            let length = length
                .split("content-length: ")
                .nth(1)
                .and_then(|it| it.lines().next().and_then(|it| it.trim().parse::<usize>().ok()));
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            break;
        }
    }
    tokio::time::sleep(pause).await;
    let _ = told.send(text);
    if let Some(answer) = answer {
        let _ = stream.write_all(answer.as_bytes()).await;
    } else {
        // Nothing is said, and nothing closed.
        std::mem::forget(stream);
    }
}

async fn carried(
    answers: Vec<Answer>,
    form: CallbackForm,
    patience: Duration,
) -> (CarryReport, Vec<String>) {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a");
    let (url, mut heard) = receiver(answers).await;
    let mut asked = request(&from, &to, &["s"]);
    asked.callback = Some(Callback { url, form, patience });
    let report = carry(&asked).await;
    assert_eq!(to.psql("SELECT a FROM s.t"), "1");
    let mut told = Vec::new();
    while let Ok(request) = heard.try_recv() {
        told.push(request);
    }
    (report, told)
}

const NOW: Duration = Duration::ZERO;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_posted_as_plain_text() {
    let (report, told) = carried(vec![(NOW, Some(YES))], CallbackForm::Text, PATIENCE).await;
    assert_eq!(report.outcome, "success");
    let callback = report.callback.unwrap();
    assert_eq!((callback.acknowledged, callback.attempts), (true, 1));
    assert!(callback.url.ends_with("/carried?***"), "{}", callback.url);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("POST /carried?token=hush HTTP/1.1\r\n"), "{}", told[0]);
    assert!(told[0].to_lowercase().contains("content-type: text/plain"), "{}", told[0]);
    assert!(told[0].ends_with("\r\n\r\nsuccess"), "{}", told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_report_is_posted_as_json() {
    let (_, told) = carried(vec![(NOW, Some(YES))], CallbackForm::Json, PATIENCE).await;
    let body = told[0].split_once("\r\n\r\n").unwrap().1;
    let report: CarryReport = serde_json::from_str(body).unwrap();
    assert_eq!(report.outcome, "success");
    assert_eq!(report.tables[0].rows_to, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_busy_is_told_again() {
    let answers = vec![(NOW, Some(NO)), (NOW, Some(NO)), (NOW, Some(YES))];
    let (report, told) = carried(answers, CallbackForm::Text, PATIENCE).await;
    assert_eq!(report.outcome, "success");
    assert_eq!(report.callback.unwrap().attempts, 3);
    let key = |text: &String| {
        let at = text.to_lowercase().find("idempotency-key: ").unwrap() + 17;
        text[at..at + 32].to_owned()
    };
    assert_eq!(key(&told[0]), key(&told[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_is_waited_for() {
    let late = vec![(Duration::from_secs(3), Some(YES))];
    let (report, told) = carried(late, CallbackForm::Text, PATIENCE).await;
    assert_eq!((&*report.outcome, told.len()), ("success", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_nobody_acknowledges_is_unknown() {
    for answer in [(NOW, None), (NOW, Some(NO)), (NOW, Some(ELSEWHERE))] {
        let (report, told) =
            carried(vec![answer], CallbackForm::Text, Duration::from_secs(2)).await;
        assert_eq!(report.outcome, "unknown");
        let callback = report.callback.unwrap();
        assert!(!callback.acknowledged && callback.error.is_some());
        assert_eq!(callback.outcome, "success");
        assert!(!told.is_empty() || answer.1.is_none());
        let finding = report.findings.iter().find(|it| it.code == "carry-unacknowledged");
        assert!(finding.is_some_and(stopover_model::Finding::is_error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_and_stays_one_when_nobody_listens() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    let mut asked = request(&from.to("nowhere"), &to, &["s"]);
    let url = "http://127.0.0.1:9/".to_owned();
    let (form, patience) = (CallbackForm::Text, Duration::from_millis(600));
    asked.callback = Some(Callback { url, form, patience });
    let report = carry(&asked).await;
    assert!(report.outcome.starts_with("failed: source: "), "{}", report.outcome);
    assert_eq!(report.callback.unwrap().outcome, report.outcome);
}
