//! What whoever watches a process is shown: metrics, and whether it is alive and ready.

use std::collections::BTreeMap;

use saas_blackbox::{PATIENCE, Service, Target, eventually, free_port};

const ALERTS: &str = include_str!("../../../../examples/domain/alerts.yml");

pub(crate) async fn a_process_that_only_works_is_watched(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let invoice = api.draft().await;
    service.run_as(&["api"], &[]).await;
    let job = api.send(&invoice).await;
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let settings = [("METRICS_BIND", address.as_str())];
    let mut worker = service.spawn(&["work"], &settings);
    api.done(&job).await;
    let watcher = service.anonymous().at(port);
    watcher.root("GET", "/healthz").await.expect(200);
    watcher.root("GET", "/readyz").await.expect(200);
    watcher.get("/customers").await.expect(404);
    eventually("the worker's metrics tell of the job", PATIENCE, async || {
        let metrics = watcher.root("GET", "/metrics").await.expect(200);
        let text = String::from_utf8(metrics.body).expect("text");
        let done =
            r#"saas_jobs_runs_total{kind="send_invoice",queue="default",outcome="completed"} 1"#;
        text.lines().any(|line| line == done).then_some(())
    })
    .await;
    // As a container asks, of this process and of the other.
    assert!(service.spawn(&["health"], &settings).end().await.success(), "{}", service.output());
    assert!(service.spawn(&["health"], &[]).end().await.success(), "{}", service.output());
    assert!(worker.terminate().await.success());
    assert!(!service.spawn(&["health"], &settings).end().await.success());
}

pub(crate) async fn what_the_alerts_ask_for_is_shown(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    api.done(&api.send(&api.draft().await).await).await;
    let asked = selectors();
    assert!(asked.len() >= 9, "{asked:#?}");
    // Some are sampled now and then.
    eventually("every metric of the alerts is shown", PATIENCE, async || {
        let metrics = service.anonymous().root("GET", "/metrics").await.expect(200);
        let text = String::from_utf8(metrics.body).expect("text");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let missing: Vec<_> = asked
            .iter()
            .filter(|asked| !samples.iter().any(|line| asked.is_shown_by(line)))
            .collect();
        if !missing.is_empty() {
            eprintln!("not shown: {missing:?}");
        }
        missing.is_empty().then_some(())
    })
    .await;
}

/// A metric that an alert names, with the labels that it names.
#[derive(Debug)]
struct Selector {
    name: String,
    /// With a value where it must be that one.
    labels: BTreeMap<String, Option<String>>,
}

impl Selector {
    fn is_shown_by(&self, sample: &str) -> bool {
        let (series, _) = sample.rsplit_once(' ').unwrap_or((sample, ""));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        name == self.name
            && self.labels.iter().all(|(label, value)| match value {
                Some(value) => labels.contains(&format!("{label}=\"{value}\"")),
                None => labels.contains(&format!("{label}=\"")),
            })
    }
}

/// What the expressions of the alerts select: words of PromQL that are neither called nor labels to
/// group by, and, of all languages' words, only metrics have an underscore.
fn selectors() -> Vec<Selector> {
    let expressions: Vec<_> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert_eq!(expressions.len(), ALERTS.matches("- alert: ").count(), "an expression on one line");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for mut rest in expressions {
        while let Some(start) = rest.find(is_word) {
            let word = &rest[start..];
            let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            let (labels, after) = match after.strip_prefix('{').and_then(|it| it.split_once('}')) {
                Some((labels, after)) => (labels, after),
                None => ("", after),
            };
            rest = after;
            if word.contains('_') && !after.starts_with('(') {
                found.push(Selector { name: word.to_owned(), labels: matchers(labels) });
            }
        }
    }
    found
}

fn matchers(labels: &str) -> BTreeMap<String, Option<String>> {
    let all = labels.split(',').filter_map(|one| one.split_once('='));
    all.map(|(name, value)| {
        let exactly = value.strip_prefix('"').filter(|_| !name.ends_with('!'));
        let value = exactly.map(|value| value.trim_end_matches('"').to_owned());
        (name.trim().trim_end_matches('!').to_owned(), value)
    })
    .collect()
}
